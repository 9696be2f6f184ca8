#include "evaluate/labelled_texts.h"

#include "base/error.h"
#include "evaluate/joint_pair.h"

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

std::int64_t text_window(const TaskInput& input, std::int64_t most) {
    const std::int64_t positions = input.config.max_positions, window = input.options.window;
    if (window > positions) {
        fail(ErrorKind::kUsage, "a window of {} tokens is longer than the model's {} positions", window, positions);
    }
    return window > 0 ? window : std::min(positions, most);
}

std::string fill_question(const std::string& form, const std::string& question) {
    const std::size_t place = form.find("{}");
    return form.substr(0, place) + question + form.substr(place + 2);
}

EncodedText encode_labelled_text(const TaskInput& input, const io::LabelledText& text, const std::string& form,
                                 std::int64_t window) {
    if (!text.question.empty()) {
        return {ended_pair(input.tokenizer, fill_question(form, text.question), text.text, input.config.max_positions),
                false};
    }
    EncodedText encoded{{encode_with_special_tokens(input.tokenizer, text.text), 1}, false};
    auto& ids = encoded.pair.ids;
    if (ids.size() < 2) fail(ErrorKind::kData, "a text of fewer than two tokens: nothing is predicted in it");
    if (std::cmp_greater(ids.size(), window)) {
        ids.resize(static_cast<std::size_t>(window));
        encoded.cut = true;
    }
    return encoded;
}

std::vector<model::ScoreResult> score_labels(const model::Decoder& decoder, std::span<const EncodedText> texts) {
    constexpr std::int64_t kTokensPerBatch = 2048;
    std::vector<model::ScoreRequest> requests;
    for (const EncodedText& text : texts) requests.push_back({text.pair.ids, text.pair.context});
    return model::score_sequences(decoder, requests, kTokensPerBatch, model::Moments::kOfLogProbabilities);
}

std::string label_text(const text::Tokenizer& tokenizer, const EncodedText& text) {
    return tokenizer.decode(std::span(text.pair.ids).subspan(text.pair.context), true);
}

}  // namespace nepenthe::evaluate
