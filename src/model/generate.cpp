#include "model/generate.h"

#include "base/error.h"
#include "model/rotary.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace nepenthe::model {

namespace {

void check(const Decoder& decoder, const std::vector<std::vector<text::TokenId>>& prompts,
           const GenerateOptions& options, const std::vector<std::uint64_t>& prompt_ids) {
    Problems problems;
    if (options.max_new_tokens < 0) {
        problems.add("the number of new tokens must not be negative, not {}", options.max_new_tokens);
    }
    if (!options.greedy && !(options.temperature > 0.0)) {
        problems.add("the temperature must be positive, not {}; ask for greedy decoding instead", options.temperature);
    }
    if (options.top_k < 0 || !(options.top_p > 0.0) || options.top_p > 1.0) {
        problems.add("top-k must not be negative and top-p lie in (0, 1], not {} and {}", options.top_k, options.top_p);
    }
    problems.throw_if_any(ErrorKind::kUsage, "text cannot be generated with these options");
    NEPENTHE_CHECK(prompt_ids.size() == prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        if (prompts[i].empty()) {
            fail(ErrorKind::kData, "prompt {} has no tokens; give it text or a beginning-of-text token", i);
        }
        for (const text::TokenId id : prompts[i]) {
            if (id < 0 || id >= decoder.config().vocabulary) {
                fail(ErrorKind::kData, "prompt {} holds token id {}, outside the model's vocabulary of {}", i, id,
                     decoder.config().vocabulary);
            }
        }
    }
}

Batch left_padded(const std::vector<std::vector<text::TokenId>>& prompts, at::Device device) {
    std::size_t longest = 0, shortest = prompts.front().size();
    for (const auto& prompt : prompts) {
        longest = std::max(longest, prompt.size());
        shortest = std::min(shortest, prompt.size());
    }
    const auto rows = static_cast<std::int64_t>(prompts.size()), columns = static_cast<std::int64_t>(longest);
    at::Tensor ids = at::zeros({rows, columns}, at::kLong), mask = at::zeros({rows, columns}, at::kBool);
    for (std::size_t row = 0; row < prompts.size(); ++row) {
        const std::size_t start = row * longest + (longest - prompts[row].size());
        std::copy(prompts[row].begin(), prompts[row].end(), ids.mutable_data_ptr<std::int64_t>() + start);
        std::fill_n(mask.mutable_data_ptr<bool>() + start, prompts[row].size(), true);
    }
    return {ids.to(device), shortest == longest ? at::Tensor() : mask.to(device)};
}

text::TokenId argmax(std::span<const float> logits) {
    // The first maximum: ties go to the lowest id.
    return static_cast<text::TokenId>(std::ranges::max_element(logits) - logits.begin());
}

// Temperature, then top-k, then top-p (the smallest set of likeliest tokens whose probability reaches it).
text::TokenId sample(std::span<const float> logits, const GenerateOptions& options, RandomStream& stream) {
    std::vector<std::int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto likelier = [&](std::int32_t a, std::int32_t b) {
        const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
        return x != y ? x > y : a < b;
    };
    std::size_t kept = order.size();
    if (options.top_k > 0 && static_cast<std::size_t>(options.top_k) < kept) {
        kept = static_cast<std::size_t>(options.top_k);
        std::ranges::nth_element(order, order.begin() + static_cast<std::ptrdiff_t>(kept), likelier);
        order.resize(kept);
    }
    std::ranges::sort(order, likelier);
    const double most = static_cast<double>(logits[static_cast<std::size_t>(order.front())]);
    std::vector<double> weights(kept);
    double total = 0;
    for (std::size_t i = 0; i < kept; ++i) {
        weights[i] =
            std::exp((static_cast<double>(logits[static_cast<std::size_t>(order[i])]) - most) / options.temperature);
        total += weights[i];
    }
    if (options.top_p < 1.0) {
        double reached = 0;
        std::size_t i = 0;
        while (i < kept && reached < options.top_p * total) {
            reached += weights[i++];
        }
        kept = std::max<std::size_t>(1, i);
        total = reached;
    }
    double left = stream.uniform() * total;
    for (std::size_t i = 0; i + 1 < kept; ++i) {
        left -= weights[i];
        if (left < 0) {
            return order[i];
        }
    }
    return order[kept - 1];
}

// One row of the batch: what it has produced and whether it goes on.
struct Continuation {
    RandomStream stream;
    std::vector<text::TokenId> ids;
    bool stopped = false;

    // Picks the next token from the logits of this row.
    void extend(std::span<const float> logits, const GenerateOptions& options) {
        const text::TokenId next = options.greedy ? argmax(logits) : sample(logits, options, stream);
        ids.push_back(next);
        stopped = std::ranges::find(options.stop, next) != options.stop.end();
    }
};

}  // namespace

std::vector<std::vector<text::TokenId>> generate(const Decoder& decoder,
                                                 const std::vector<std::vector<text::TokenId>>& prompts,
                                                 const GenerateOptions& options,
                                                 const std::vector<std::uint64_t>& prompt_ids) {
    check(decoder, prompts, options, prompt_ids);
    if (prompts.empty()) {
        return {};
    }
    const at::NoGradGuard no_grad;
    std::vector<Continuation> rows;
    for (const std::uint64_t id : prompt_ids) {
        rows.push_back({RandomStream(options.seed, "generate", id), {}, false});
    }
    KvCache cache(decoder.config().layers);
    Batch batch = left_padded(prompts, decoder.device());
    std::vector<std::vector<text::TokenId>> fed = prompts;  // what has gone through the model
    for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
        const Context context = decoder.context(batch, &cache);
        at::Tensor hidden = decoder.embed(batch.ids, context);
        for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
            hidden = decoder.block(layer, hidden, context);
        }
        const at::Tensor logits = decoder.head(hidden.select(1, hidden.size(1) - 1)).cpu().contiguous();
        const auto width = static_cast<std::size_t>(logits.size(1));
        at::Tensor next = at::zeros({static_cast<std::int64_t>(rows.size()), 1}, at::kLong);
        bool all_stopped = true;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            if (!rows[row].stopped) {
                rows[row].extend({logits.const_data_ptr<float>() + row * width, width}, options);
            }
            // A row that has stopped is fed its last token; nothing of it is read any more.
            next.mutable_data_ptr<std::int64_t>()[row] = rows[row].ids.back();
            fed[row].push_back(rows[row].ids.back());
            all_stopped = all_stopped && rows[row].stopped;
        }
        if (all_stopped) {
            break;
        }
        batch = {next.to(decoder.device()), at::Tensor()};
        if (std::ranges::any_of(fed, [&](const auto& ids) {
                const auto length = static_cast<std::int64_t>(ids.size());
                return turns_anew(decoder.config(), length - 1, length);
            })) {
            cache = KvCache(decoder.config().layers);
            batch = left_padded(fed, decoder.device());
        }
    }
    std::vector<std::vector<text::TokenId>> continuations;
    for (Continuation& row : rows) {
        continuations.push_back(std::move(row.ids));
    }
    return continuations;
}

}  // namespace nepenthe::model
