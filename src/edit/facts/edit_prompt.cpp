#include "edit/facts/edit_prompt.h"

#include "base/error.h"
#include "text/joined_text.h"

#include <string_view>
#include <utility>

namespace nepenthe::edit {

namespace {

text::JoinedText join(const std::string& prompt, const std::string& target) {
    text::JoinedText joined = text::join_texts(prompt, target);
    if (joined.target_begin == joined.text.size()) {
        fail(ErrorKind::kData, "the target after \"{}\" has no tokens; give it at least one letter", prompt);
    }
    return joined;
}

// Without what a post-processor puts behind the text (EOS): nothing follows a row.
text::Encoding encode(const text::Tokenizer& tokenizer, const std::string& text) {
    text::Encoding encoding = tokenizer.encode(text, true);
    while (!encoding.ids.empty() && encoding.offsets.back().end == 0 && tokenizer.is_special(encoding.ids.back())) {
        encoding.ids.pop_back();
        encoding.offsets.pop_back();
    }
    return encoding;
}

// How many tokens at the end cover text from byte `begin` on.
std::size_t tail_tokens(const text::Encoding& encoding, std::size_t begin) {
    std::size_t count = 0;
    while (count < encoding.ids.size() && encoding.offsets[encoding.ids.size() - 1 - count].end > begin) ++count;
    return count;
}

// The last token that covers byte `at`: a character whose bytes fall into several tokens ends with its last byte.
std::size_t covering_token(const text::Encoding& encoding, std::size_t at, const std::string& text) {
    for (std::size_t i = encoding.ids.size(); i-- > 0;) {
        if (encoding.offsets[i].begin <= at && at < encoding.offsets[i].end) return i;
    }
    fail(ErrorKind::kData, "the tokenizer drops the end of the subject in \"{}\"", text);
}

// Leaves the supervised tokens in `row` without the last one, which nothing has to predict from.
void split_target(EditRow& row, std::size_t tokens, const std::string& text) {
    const auto first = row.ids.end() - static_cast<std::ptrdiff_t>(tokens);
    row.targets.assign(first, row.ids.end());
    row.ids.pop_back();
    // The position before the target's first token predicts it: the subject must end there at the latest.
    if (row.subject_last + tokens > row.ids.size()) {
        fail(ErrorKind::kData, "the tokenizer joins subject and target of \"{}\" in one token; put a word between them",
             text);
    }
}

}  // namespace

std::string fill_subject(const std::string& prompt, const std::string& subject) {
    constexpr std::string_view kPlace = "{}";
    const std::size_t place = prompt.find(kPlace);
    if (place == std::string::npos || prompt.find(kPlace, place + kPlace.size()) != std::string::npos) {
        fail(ErrorKind::kData, "the prompt \"{}\" must hold \"{{}}\" exactly once, where its subject goes", prompt);
    }
    return prompt.substr(0, place) + subject + prompt.substr(place + kPlace.size());
}

JointIds joint_ids(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& target) {
    const text::JoinedText joined = join(prompt, target);
    text::Encoding encoding = encode(tokenizer, joined.text);
    const std::size_t count = tail_tokens(encoding, joined.target_begin);
    if (count == 0) {
        fail(ErrorKind::kData, "the target \"{}\" has no tokens in this vocabulary", target);
    }
    const std::size_t target_begin = encoding.ids.size() - count;
    return {std::move(encoding.ids), target_begin};
}

std::vector<text::TokenId> target_ids(const text::Tokenizer& tokenizer, const std::string& prompt,
                                      const std::string& target) {
    const JointIds joint = joint_ids(tokenizer, prompt, target);
    return {joint.ids.begin() + static_cast<std::ptrdiff_t>(joint.target_begin), joint.ids.end()};
}

EditRow make_row(const text::Tokenizer& tokenizer, const std::string& prefix, const std::string& prompt,
                 const std::string& subject, const std::string& target, std::int64_t max_positions,
                 const std::string& joint) {
    if (subject.empty()) {
        fail(ErrorKind::kData, "the prompt \"{}\" has an empty subject", prompt);
    }
    const std::string before = prefix.empty() ? "" : prefix + joint;
    const std::string sentence = before + fill_subject(prompt, subject);
    const std::size_t subject_end = before.size() + prompt.find("{}") + text::without_end_blanks(subject).size();
    const text::JoinedText joined = target.empty() ? text::join_texts(sentence, "") : join(sentence, target);

    const text::Encoding encoding = encode(tokenizer, joined.text);
    EditRow row;
    row.ids = encoding.ids;
    row.subject_last = covering_token(encoding, subject_end - 1, joined.text);
    row.subject_merged = joined.text.find_first_not_of(' ', subject_end) < encoding.offsets[row.subject_last].end;
    if (!target.empty()) {
        const std::size_t tokens = tail_tokens(encoding, joined.target_begin);
        if (tokens == 0) {
            fail(ErrorKind::kData, "the target \"{}\" has no tokens in this vocabulary", target);
        }
        split_target(row, tokens, joined.text);
    }
    if (static_cast<std::int64_t>(row.ids.size()) > max_positions) {
        fail(ErrorKind::kData, "\"{}\" with its target takes {} tokens, the model's window holds {}", sentence,
             row.ids.size(), max_positions);
    }
    return row;
}

}  // namespace nepenthe::edit
