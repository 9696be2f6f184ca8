// Perplexity in three conventions: WikiText by words, WikiText by tokens, and any text with sliding windows.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/labelled_texts.h"
#include "evaluate/likelihood_request.h"
#include "evaluate/perplexity_windows.h"
#include "evaluate/python_strings.h"
#include "evaluate/task.h"
#include "evaluate/wikitext.h"
#include "io/text.h"
#include "model/score.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::evaluate {

namespace {

// What a metric divides an item's negative log-likelihood by.
struct Denominator {
    std::string metric;
    double count = 0;
    double nats_per_unit = 1;  // ln 2 for bits
};

// A page, or a window.
struct Piece {
    std::vector<model::ScoreRequest> requests;
    std::vector<Denominator> denominators;
};

std::int64_t window_of(const TaskInput& input) { return text_window(input, 2048); }

class PerplexityTask : public Task {
  public:
    PerplexityTask(std::vector<Piece> pieces, std::int64_t per_block, std::int64_t limit,
                   std::vector<LeftOut> left_out = {})
        : pieces_(std::move(pieces)), per_block_(per_block), left_out_(std::move(left_out)) {
        if (limit > 0 && std::cmp_less(limit, pieces_.size())) pieces_.resize(static_cast<std::size_t>(limit));
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(pieces_.size()); }
    std::int64_t items_per_block() const override { return per_block_; }

    double cost(std::int64_t item) const override {
        double tokens = 0;
        for (const auto& request : pieces_[static_cast<std::size_t>(item)].requests) {
            tokens += static_cast<double>(request.ids.size());
        }
        return tokens;
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<model::ScoreRequest> requests;
        for (std::int64_t item = begin; item < end; ++item) {
            const auto& own = pieces_[static_cast<std::size_t>(item)].requests;
            requests.insert(requests.end(), own.begin(), own.end());
        }
        const auto results = model::score_sequences(decoder, requests);
        std::vector<Json> rows;
        for (std::size_t item = static_cast<std::size_t>(begin), next = 0; std::cmp_less(item, end); ++item) {
            double log_likelihood = 0;
            std::int64_t tokens = 0;
            for (std::size_t window = 0; window < pieces_[item].requests.size(); ++window, ++next) {
                log_likelihood += results[next].log_likelihood;
                tokens += results[next].tokens;
            }
            Json row = {{"id", item}, {"log_likelihood", log_likelihood}, {"tokens", tokens}};
            for (const Denominator& denominator : pieces_[item].denominators) {
                row[denominator.metric] = {-log_likelihood / denominator.nats_per_unit, denominator.count};
            }
            rows.push_back(std::move(row));
        }
        return rows;
    }

    std::vector<std::string> metrics() const override {
        std::vector<std::string> names;
        for (const Denominator& denominator : pieces_.front().denominators) names.push_back(denominator.metric);
        return names;
    }

    std::vector<LeftOut> left_out() const override { return left_out_; }

    std::string digest() const override {
        Sha256 hash;
        for (const Piece& piece : pieces_) {
            Json value = Json::array();
            for (const auto& request : piece.requests) value.push_back({request.ids, request.first});
            for (const auto& denominator : piece.denominators) value.push_back({denominator.metric, denominator.count});
            hash.update(canonical_json(value));
        }
        return hash.hex();
    }

  private:
    std::vector<Piece> pieces_;
    std::int64_t per_block_;
    std::vector<LeftOut> left_out_;
};

Piece one_window(model::ScoreRequest request, const char* metric) {
    const double scored = static_cast<double>(request.ids.size() - request.first);
    return {{std::move(request)}, {{metric, scored}}};
}

}  // namespace

std::unique_ptr<Task> make_word_perplexity_task(const std::string&, const TaskInput& input) {
    const std::int64_t window = window_of(input), limit = input.options.limit;
    std::vector<Piece> pieces;
    for (const std::string& page : wikitext_pages(io::read_text(wikitext_file(input.options)))) {
        if (limit > 0 && std::cmp_greater_equal(pieces.size(), limit)) break;
        const double words = static_cast<double>(count_split_fields(page)), bytes = static_cast<double>(page.size());
        const auto ids = encode_with_special_tokens(input.tokenizer, detokenize_wikitext(page));
        pieces.push_back(
            {rolling_windows(ids, prefix_token(input.tokenizer), window),
             {{"word_perplexity", words}, {"byte_perplexity", bytes}, {"bits_per_byte", bytes, std::log(2.0)}}});
    }
    if (pieces.empty()) fail(ErrorKind::kData, "{} holds no page", wikitext_file(input.options).string());
    return std::make_unique<PerplexityTask>(std::move(pieces), 1, limit);
}

std::unique_ptr<Task> make_token_perplexity_task(const std::string&, const TaskInput& input) {
    const std::string text = join_wikitext_lines(io::read_text(wikitext_file(input.options)));
    std::vector<Piece> pieces;
    for (auto& request : fixed_windows(encode_with_special_tokens(input.tokenizer, text), window_of(input))) {
        pieces.push_back(one_window(std::move(request), "token_perplexity"));
    }
    return std::make_unique<PerplexityTask>(std::move(pieces), 4, input.options.limit);
}

std::unique_ptr<Task> make_text_perplexity_task(const std::string&, const TaskInput& input) {
    const model::WindowOptions windows{.window = window_of(input)};
    std::vector<Piece> pieces;
    const io::Documents documents = io::read_documents({input.options.text});
    std::int64_t unpredicted = 0;
    for (const std::string& document : documents.texts) {
        const auto ids = encode_with_special_tokens(input.tokenizer, document);
        if (ids.size() < 2) {  // nothing is predicted
            ++unpredicted;
            continue;
        }
        for (auto& request : model::sliding_windows(ids, windows)) {
            pieces.push_back(one_window(std::move(request), "perplexity"));
        }
    }
    if (pieces.empty()) fail(ErrorKind::kData, "{}: no document has two tokens", input.options.text.string());
    std::vector<LeftOut> left_out;
    const auto leave_out = [&](std::int64_t count, const char* what) {
        if (count == 0) return;
        log_info("{}: {} {} are passed over", input.options.text.string(), count, what);
        left_out.push_back({count, what});
    };
    leave_out(documents.blank, "blank documents");
    leave_out(unpredicted, "documents of fewer than two tokens, in which nothing is predicted");
    return std::make_unique<PerplexityTask>(std::move(pieces), 4, input.options.limit, std::move(left_out));
}

}  // namespace nepenthe::evaluate
