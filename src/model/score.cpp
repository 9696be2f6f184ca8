#include "model/score.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>
#include <numeric>

namespace nepenthe::model {

namespace {

void check_requests(const Decoder& decoder, std::span<const ScoreRequest> requests) {
    const std::int64_t vocabulary = decoder.config().vocabulary;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        if (requests[i].first < 1) {
            fail(ErrorKind::kInternal, "request {}: the first token cannot be scored, nothing predicts it", i);
        }
        for (const text::TokenId id : requests[i].ids) {
            if (id < 0 || id >= vocabulary) {
                fail(ErrorKind::kData,
                     "token id {} is outside the model's vocabulary of {}; is the tokenizer another "
                     "model's?",
                     id, vocabulary);
            }
        }
    }
}

// How many tokens of a request go through the model: the last one is only predicted.
std::size_t fed_tokens(const ScoreRequest& request) { return std::max<std::size_t>(request.ids.size(), 2) - 1; }

// Requests of one batch without their last tokens, right-padded to the longest. Whether a side memory answers is
// decided by what stands before the first scored token, as if that had been a prompt; by everything where only one
// token does.
Batch pad_requests(std::span<const ScoreRequest> requests, std::span<const std::size_t> chosen, at::Device device) {
    std::size_t longest = 1;
    for (const std::size_t i : chosen) {
        longest = std::max(longest, fed_tokens(requests[i]));
    }
    const auto rows = static_cast<std::int64_t>(chosen.size()), columns = static_cast<std::int64_t>(longest);
    at::Tensor ids = at::zeros({rows, columns}, at::kLong), mask = at::zeros({rows, columns}, at::kBool);
    at::Tensor prompt = at::zeros({rows, columns}, at::kBool);
    for (std::int64_t row = 0; row < rows; ++row) {
        const ScoreRequest& request = requests[chosen[static_cast<std::size_t>(row)]];
        const std::size_t count = std::min(request.ids.size(), fed_tokens(request));
        std::copy_n(request.ids.begin(), count, ids.mutable_data_ptr<std::int64_t>() + row * columns);
        std::fill_n(mask.mutable_data_ptr<bool>() + row * columns, count, true);
        const std::size_t deciding = request.first > 1 ? std::min(request.first, count) : count;
        std::fill_n(prompt.mutable_data_ptr<bool>() + row * columns, deciding, true);
    }
    return {ids.to(device), mask.to(device), prompt.to(device)};
}

// Of `values` the next `count`, where there are some.
std::vector<double> taken(const at::Tensor& values, std::int64_t begin, std::int64_t count) {
    if (!values.defined()) return {};
    const double* first = values.const_data_ptr<double>() + begin;
    return {first, first + count};
}

void score_batch(const Decoder& decoder, std::span<const ScoreRequest> requests, std::span<const std::size_t> chosen,
                 Moments moments, std::vector<ScoreResult>& results) {
    const at::Tensor hidden = decoder.hidden_states(pad_requests(requests, chosen, decoder.device()));
    std::vector<at::Tensor> states;
    std::vector<std::int64_t> targets, counts;
    for (std::size_t row = 0; row < chosen.size(); ++row) {
        const ScoreRequest& request = requests[chosen[row]];
        const std::size_t first = std::min(request.first, request.ids.size()), count = request.ids.size() - first;
        counts.push_back(static_cast<std::int64_t>(count));
        if (count == 0) continue;
        states.push_back(
            hidden[static_cast<std::int64_t>(row)].narrow(0, static_cast<std::int64_t>(first) - 1, counts.back()));
        targets.insert(targets.end(), request.ids.begin() + static_cast<std::ptrdiff_t>(first), request.ids.end());
    }
    if (states.empty()) return;
    const at::Tensor wanted = at::tensor(targets, at::kLong).to(decoder.device());
    TokenScores scores = score_tokens(decoder, decoder.final_norm(at::cat(states)), wanted, moments);
    const at::Tensor values = scores.log_probabilities.cpu().contiguous(), greedy = scores.greedy.cpu().contiguous();
    if (moments == Moments::kOfLogProbabilities) {
        scores.mean = scores.mean.cpu();
        scores.variance = scores.variance.cpu();
    }
    const float* value = values.const_data_ptr<float>();
    const bool* best = greedy.const_data_ptr<bool>();
    std::int64_t begin = 0;
    for (std::size_t row = 0; row < chosen.size(); ++row) {
        ScoreResult& result = results[chosen[row]];
        result.mean = taken(scores.mean, begin, counts[row]);
        result.variance = taken(scores.variance, begin, counts[row]);
        begin += counts[row];
        for (std::int64_t i = 0; i < counts[row]; ++i, ++value, ++best) {
            result.per_token.push_back(*value);
            result.is_greedy.push_back(*best);
            result.log_likelihood += static_cast<double>(*value);
            result.greedy = result.greedy && *best;
            ++result.tokens;
        }
    }
}

}  // namespace

at::Tensor token_log_probabilities(const Decoder& decoder, const at::Tensor& hidden, const at::Tensor& targets) {
    const at::NoGradGuard no_grad;
    return score_tokens(decoder, decoder.final_norm(hidden), targets).log_probabilities;
}

std::vector<ScoreResult> score_sequences(const Decoder& decoder, std::span<const ScoreRequest> requests,
                                         std::int64_t tokens_per_batch, Moments moments) {
    check_requests(decoder, requests);
    const at::NoGradGuard no_grad;
    std::vector<std::size_t> order(requests.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return requests[i].ids.size(); });
    std::vector<ScoreResult> results(requests.size());
    for (std::size_t begin = 0; begin < order.size();) {
        const auto width = static_cast<std::int64_t>(std::max<std::size_t>(1, requests[order[begin]].ids.size()));
        const auto rows = static_cast<std::size_t>(std::max<std::int64_t>(1, tokens_per_batch / width));
        const std::size_t count = std::min(rows, order.size() - begin);
        score_batch(decoder, requests, std::span(order).subspan(begin, count), moments, results);
        begin += count;
    }
    return results;
}

std::vector<ScoreRequest> sliding_windows(std::span<const text::TokenId> ids, const WindowOptions& options) {
    if (options.window < 2 || options.stride < 0 || options.stride > options.window) {
        fail(ErrorKind::kUsage, "a window needs at least 2 tokens and a stride of at most the window, not {} and {}",
             options.window, options.stride);
    }
    const auto window = static_cast<std::size_t>(options.window);
    const auto stride = options.stride == 0 ? window / 2 : static_cast<std::size_t>(options.stride);
    std::vector<ScoreRequest> requests;
    std::size_t scored = 1;  // tokens before this index have been scored, or cannot be
    for (std::size_t begin = 0; scored < ids.size(); begin += stride) {
        const std::size_t end = std::min(begin + window, ids.size());
        // A window that starts at an unscored token has nothing to predict that token from.
        const std::size_t first = std::max(scored, begin + 1);
        requests.push_back({std::vector<text::TokenId>(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                                       ids.begin() + static_cast<std::ptrdiff_t>(end)),
                            first - begin});
        scored = end;
    }
    return requests;
}

}  // namespace nepenthe::model
