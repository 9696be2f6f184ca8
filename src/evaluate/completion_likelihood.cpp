#include "evaluate/completion_likelihood.h"

#include "base/hash.h"
#include "dist/guard.h"
#include "evaluate/completion_prompts.h"
#include "evaluate/likelihood_request.h"
#include "evaluate/metric.h"
#include "evaluate/weights_digest.h"
#include "model/score.h"
#include "store/blocks.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace nepenthe::evaluate {

namespace {

constexpr std::size_t kRowsPerBlock = 8;

// Nothing where the completion has no tokens.
model::ScoreRequest request_of(const Json& row, const CompletionJudge& judge, bool same_tokens) {
    const std::int64_t positions = judge.decoder.config().max_positions;
    const std::string prompt = row.at("prompt");
    std::string completion = row.at("completion");
    const auto written = row.at("completion_ids").get<std::vector<text::TokenId>>();
    if (written.empty()) return {};
    if (!same_tokens) {
        while (completion.ends_with("\uFFFD")) completion.resize(completion.size() - 3);  // cut inside a character
        if (completion.empty()) return {};
        EncodedPair pair = encode_pair(judge.tokenizer, prompt, completion, positions);
        return {std::move(pair.ids), pair.context};
    }
    auto ids = encode_completion_prompt(judge.tokenizer, prompt);
    std::size_t first = ids.size();
    ids.insert(ids.end(), written.begin(), written.end());
    if (std::cmp_greater(written.size(), positions)) {
        fail(ErrorKind::kData, "a completion of {} tokens is longer than the judge's {} positions", written.size(),
             positions);
    }
    // The last token is predicted, not fed.
    if (const std::size_t room = static_cast<std::size_t>(positions) + 1; ids.size() > room) {
        first -= ids.size() - room;
        ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(room));
    }
    return {std::move(ids), first};
}

Json score_rows(const CompletionJudge& judge, std::span<const model::ScoreRequest> requests) {
    std::vector<model::ScoreRequest> scored;
    std::ranges::copy_if(requests, std::back_inserter(scored),
                         [](const auto& request) { return !request.ids.empty(); });
    const auto results = model::score_sequences(judge.decoder, scored);
    Json values = Json::array();
    auto result = results.begin();
    for (const model::ScoreRequest& request : requests) {
        if (request.ids.empty()) {
            values.push_back(nullptr);
            continue;
        }
        if (!std::isfinite(result->log_likelihood)) {
            fail(ErrorKind::kData,
                 "{} is not a finite number; the judge's activations overflow, check its weights and dtype",
                 judge.metric);
        }
        values.push_back({-result->log_likelihood, result->tokens});
        ++result;
    }
    return values;
}

}  // namespace

void judge_completions(const dist::Comm& comm, const CompletionJudge& judge, const std::string& written_with,
                       TaskResult& fluency, const std::filesystem::path& scratch) {
    const bool same_tokens = judge.tokenizer.digest() == written_with;
    std::vector<model::ScoreRequest> requests;
    std::string key;
    store::BlockOptions options;
    options.label = "judge completions";
    dist::run_agreed(comm, "judge completions", [&] {
        Json tokens = Json::array();
        for (const Json& row : fluency.items) {
            requests.push_back(request_of(row, judge, same_tokens));
            tokens.push_back({requests.back().first, requests.back().ids});
        }
        if (!scratch.empty()) {
            options.key_digest = sha256_hex(canonical_json({weights_digest(judge.decoder), judge.metric, tokens}));
        }
    });
    const std::size_t blocks = (requests.size() + kRowsPerBlock - 1) / kRowsPerBlock;
    const auto block_of = [&](std::uint64_t block) {
        const std::size_t begin = block * kRowsPerBlock;
        return std::span(requests).subspan(begin, std::min(kRowsPerBlock, requests.size() - begin));
    };
    for (std::size_t block = 0; block < blocks; ++block) {
        double& cost = options.costs.emplace_back(0);
        for (const model::ScoreRequest& request : block_of(block)) cost += static_cast<double>(request.ids.size());
    }
    const auto stored = store::for_each_block(
        comm, scratch, blocks, options, [&](std::uint64_t block) { return score_rows(judge, block_of(block)).dump(); });
    dist::run_agreed(comm, "judge completions", [&] {
        std::size_t row = 0;
        for (std::size_t block = 0; block < blocks; ++block) {
            for (Json& value : Json::parse(stored.read(block))) {
                fluency.items[row]["judged_by"][judge.metric] = judge.digest;
                fluency.items[row++][judge.metric] = std::move(value);
            }
        }
        fluency.metrics.push_back(aggregate_rows(metric_definition(judge.metric), fluency.items));
    });
}

std::string judge_of(const TaskResult& fluency, const std::string& metric) {
    for (const Json& row : fluency.items) {
        const auto judges = row.find("judged_by");
        if (judges != row.end() && judges->contains(metric)) return judges->at(metric).get<std::string>();
    }
    return "";
}

}  // namespace nepenthe::evaluate
