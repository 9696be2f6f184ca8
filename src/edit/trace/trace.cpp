#include "edit/trace/trace.h"

#include "base/error.h"
#include "base/number.h"
#include "base/random.h"
#include "store/blocks.h"
#include "store/packing.h"

#include <torch/types.h>

#include <cmath>
#include <set>

namespace nepenthe::edit {

namespace {

std::string stripped(const std::string& text) {
    const char* const blanks = " \t\n\r";
    const std::size_t first = text.find_first_not_of(blanks);
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

std::string pack_trace(const FactTrace& trace) {
    store::Packer packer;
    packer.add(std::vector<std::int64_t>{trace.answer, std::ssize(trace.scores)})
        .add(std::vector<double>{trace.high, trace.low})
        .add(trace.severed_mlp)
        .add(trace.severed_attention);
    for (const auto& scores : trace.scores) packer.add(scores);
    return packer.take();
}

FactTrace unpack_trace(const std::string& bytes) {
    store::Unpacker unpacker(bytes);
    FactTrace trace;
    std::vector<std::int64_t> head;
    std::vector<double> ends;
    unpacker.read(head).read(ends).read(trace.severed_mlp).read(trace.severed_attention);
    NEPENTHE_CHECK(head.size() == 2 && ends.size() == 2);
    trace.answer = static_cast<text::TokenId>(head[0]);
    trace.high = ends[0], trace.low = ends[1];
    trace.scores.resize(static_cast<std::size_t>(head[1]));
    for (auto& scores : trace.scores) unpacker.read(scores);
    NEPENTHE_CHECK(unpacker.finished());
    return trace;
}

bool is_correct(const text::Tokenizer& tokenizer, const TracePrompt& prompt, text::TokenId answer) {
    const std::vector<text::TokenId> ids{answer};
    return prompt.attribute.empty() || stripped(tokenizer.decode(ids, false)) == stripped(prompt.attribute);
}

void check_lengths(const std::vector<TraceCase>& cases, std::int64_t max_positions) {
    Problems problems;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        if (max_positions > 0 && std::ssize(cases[i].tokens.ids) > max_positions) {
            problems.add("prompt {} has {} tokens, the model's context holds {}", i, cases[i].tokens.ids.size(),
                         max_positions);
        }
    }
    problems.throw_if_any(ErrorKind::kData, "prompts that do not fit");
}

}  // namespace

std::vector<std::string> TraceOptions::validate() const {
    Problems problems;
    if (settings.kinds.empty()) problems.add("no kind is given");
    if (std::set<TraceKind>(settings.kinds.begin(), settings.kinds.end()).size() != settings.kinds.size()) {
        problems.add("a kind is given twice");
    }
    if (settings.window < 1) problems.add("a window of {} layers", settings.window);
    if (copies < 1 || copies > 10000) problems.add("{} copies are not in 1 … 10000", copies);
    if (!std::isfinite(noise) || noise < 0) problems.add("noise {}", noise);
    return problems.items();
}

Json TraceOptions::to_json() const {
    Json kinds = Json::array();
    for (const TraceKind kind : settings.kinds) kinds.push_back(kTraceKindNames[static_cast<std::size_t>(kind)]);
    return {{"kinds", kinds},
            {"window", settings.window},
            {"severed", settings.severed},
            {"copies", copies},
            {"noise", noise},
            {"noise_in_sigmas", noise_in_sigmas},
            {"seed", seed}};
}

void parse_noise(std::string_view text, TraceOptions& options) {
    std::string_view digits = text;
    options.noise_in_sigmas = digits.ends_with('s');
    if (options.noise_in_sigmas) digits.remove_suffix(1);
    const auto noise = parse_real(digits);
    if (!noise || *noise < 0) {
        fail(ErrorKind::kUsage, "noise \"{}\" is neither a number nor a number with s (standard deviations), as in 3s",
             text);
    }
    options.noise = *noise;
}

TraceKind parse_trace_kind(std::string_view name) {
    for (std::size_t i = 0; i < kTraceKindNames.size(); ++i) {
        if (name == kTraceKindNames[i]) return static_cast<TraceKind>(i);
    }
    fail(ErrorKind::kUsage, "\"{}\" is no kind of trace; there are state, mlp and attention", name);
}

namespace {

// What the noise is added to, without positions: [token, hidden] fp64.
at::Tensor subject_embeddings(const model::Decoder& decoder, const at::Tensor& ids) {
    if (decoder.config().embedding_norm) {
        const model::Batch batch{ids.unsqueeze(0), {}};
        return decoder.embed(batch.ids, decoder.context(batch)).squeeze(0).to(at::kDouble);
    }
    return at::embedding(decoder.embedding(), ids).to(at::kDouble) * decoder.config().embedding_scale;
}

}  // namespace

double embedding_deviation(const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                           std::span<const TracePrompt> prompts) {
    const at::NoGradGuard no_grad;
    double sum = 0, squares = 0;
    std::int64_t count = 0;
    for (const TracePrompt& prompt : prompts) {
        const std::vector<text::TokenId> ids = tokenizer.encode_ids(prompt.subject, false);
        if (ids.empty()) continue;
        const at::Tensor rows =
            at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).to(decoder.device());
        const at::Tensor values = subject_embeddings(decoder, rows);
        sum += values.sum().item<double>();
        squares += values.square().sum().item<double>();
        count += values.numel();
    }
    if (count < 2) fail(ErrorKind::kData, "the subjects have no tokens");
    const double n = static_cast<double>(count);
    return std::sqrt((squares - sum * sum / n) / (n - 1));
}

at::Tensor trace_noise(std::uint64_t seed, std::uint64_t index, std::int64_t copies, std::int64_t tokens,
                       std::int64_t hidden, double deviation) {
    RandomStream random(seed, "trace.noise", index);
    at::Tensor noise = at::empty({copies, tokens, hidden}, at::kFloat);
    float* const values = noise.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < noise.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
    return noise;
}

std::vector<TraceCase> trace_facts(const dist::Comm& comm, const model::Decoder& decoder,
                                   const text::Tokenizer& tokenizer, const std::vector<TracePrompt>& prompts,
                                   const TraceOptions& options, double deviation, const std::filesystem::path& scratch,
                                   const std::string& key_digest) {
    if (decoder.side_memory() != nullptr) {
        fail(ErrorKind::kUsage, "trace: the model has a side memory; take the model that it was edited from");
    }
    std::vector<TraceCase> cases(prompts.size());
    store::BlockOptions block;
    block.label = "trace";
    block.unit = "facts";
    block.key_digest = key_digest;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        cases[i].prompt = prompts[i];
        cases[i].tokens = tokenise(tokenizer, prompts[i]);
        for (const text::TokenId id : cases[i].tokens.ids) {
            cases[i].token_texts.push_back(tokenizer.decode(std::vector<text::TokenId>{id}, false));
        }
        const auto rest = static_cast<double>(std::ssize(cases[i].tokens.ids) - cases[i].tokens.subject.begin);
        block.costs.push_back(rest * (rest + 1));  // cells times the positions that each computes
    }
    check_lengths(cases, decoder.config().max_positions);
    const store::BlockResults results =
        store::for_each_block(comm, scratch, prompts.size(), block, [&](std::uint64_t id) {
            const TraceTokens& tokens = cases[id].tokens;
            FactTrace trace;
            trace.answer = likeliest_next(decoder, tokens.ids);
            if (is_correct(tokenizer, prompts[id], trace.answer)) {
                const at::Tensor noise =
                    trace_noise(options.seed, id, options.copies, tokens.subject.end - tokens.subject.begin,
                                decoder.config().hidden, deviation);
                trace = trace_fact(decoder, tokens, noise, options.settings);
            }
            return pack_trace(trace);
        });
    for (std::size_t i = 0; i < cases.size(); ++i) {
        cases[i].trace = unpack_trace(results.read(i));
        cases[i].answer = tokenizer.decode(std::vector<text::TokenId>{cases[i].trace.answer}, false);
        cases[i].correct = is_correct(tokenizer, prompts[i], cases[i].trace.answer);
    }
    return cases;
}

}  // namespace nepenthe::edit
