#include "edit/facts/true_sentences.h"

#include "text/aligned_text.h"
#include "text/joined_text.h"
#include "text/letters.h"
#include "text/normal_forms.h"
#include "text/scripts.h"
#include "text/unicode.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace nepenthe::edit {

namespace {

using Words = std::vector<std::string>;

Words lower_words(const std::string& text) {
    text::AlignedText aligned{std::string_view(text)};
    text::normalize(aligned, text::NormalForm::kNfkc);
    const std::string lower = text::to_lower(aligned.text());
    Words words;
    bool open = false;
    for (std::size_t at = 0; at < lower.size(); at += text::character_length(lower[at])) {
        const char32_t c = text::decode_at(lower, at);
        if (!text::is_word_character(c)) {
            open = false;
            continue;
        }
        if (!open || text::writes_without_blanks(c)) words.emplace_back();
        words.back() += lower.substr(at, text::character_length(lower[at]));
        open = !text::writes_without_blanks(c);
    }
    return words;
}

// Names, found in a text by their words.
class NameIndex {
  public:
    void add(const Words& name) {
        if (!name.empty()) by_first_[name.front()].insert(name);
    }

    // Calls `found` with every name that stands in the text.
    template <typename Found>
    void visit(const Words& text, const Found& found) const {
        for (std::size_t at = 0; at < text.size(); ++at) {
            const auto names = by_first_.find(text[at]);
            if (names == by_first_.end()) continue;
            for (const Words& name : names->second) {
                if (name.size() <= text.size() - at &&
                    std::equal(name.begin(), name.end(), text.begin() + static_cast<std::ptrdiff_t>(at)))
                    found(name);
            }
        }
    }

    bool stand_in(const Words& text) const {
        bool any = false;
        visit(text, [&](const Words&) { any = true; });
        return any;
    }

  private:
    std::map<std::string, std::set<Words>> by_first_;
};

std::vector<std::string> prompts_of(const Fact& fact) {
    std::vector<std::string> prompts = {fact.sentence()};
    for (const auto* more : {&fact.paraphrases, &fact.attribute_prompts, &fact.generation_prompts})
        prompts.insert(prompts.end(), more->begin(), more->end());
    for (const Neighbour& neighbour : fact.neighbourhood) prompts.push_back(neighbour.prompt);
    return prompts;
}

// What may not be told of.
struct Forbidden {
    NameIndex names;
    std::set<Words> prompts;

    Forbidden(const std::vector<Fact>& facts, const std::vector<Fact>& left_out) {
        if (left_out.empty()) return;
        NameIndex known;
        for (const Fact& fact : facts) known.add(lower_words(fact.subject));
        for (const Fact& fact : left_out) {
            names.add(lower_words(fact.subject));
            for (const std::string& prompt : prompts_of(fact)) {
                const Words words = lower_words(prompt);
                known.visit(words, [&](const Words& name) { names.add(name); });
                prompts.insert(words);
            }
        }
    }

    bool holds(const std::string& prompt) const {
        const Words words = lower_words(prompt);
        return prompts.contains(words) || names.stand_in(words);
    }
};

std::string completed(const std::string& prompt, const std::string& truth) {
    std::string text = text::join_texts(prompt, truth).text;
    if (!text.ends_with('.')) text += '.';
    return text;
}

}  // namespace

std::string normal_name(const std::string& name) { return fmt::format("{}", fmt::join(lower_words(name), " ")); }

TrueSentences true_sentences(const std::vector<Fact>& facts, const std::vector<Fact>& left_out) {
    const Forbidden forbidden(facts, left_out);
    TrueSentences sentences;
    std::set<std::string> said, subjects;
    const auto add = [&](const std::string& prompt, const std::string& truth) {
        if (truth.find_first_not_of(" \t\r\n") == std::string::npos) return false;
        if (forbidden.holds(prompt)) {
            ++sentences.left_out;
            return false;
        }
        std::string text = completed(prompt, truth);
        if (said.insert(text).second) sentences.texts.push_back(std::move(text));
        return true;
    };
    for (const Fact& fact : facts) {
        bool about_subject = add(fact.sentence(), fact.target_true);
        for (const std::string& paraphrase : fact.paraphrases)
            about_subject = add(paraphrase, fact.target_true) || about_subject;
        if (about_subject) subjects.insert(normal_name(fact.subject));
        if (fact.target_true.empty()) ++sentences.without_truth;
        for (const Neighbour& neighbour : fact.neighbourhood) add(neighbour.prompt, neighbour.answer);
    }
    sentences.subjects.assign(subjects.begin(), subjects.end());
    return sentences;
}

}  // namespace nepenthe::edit
