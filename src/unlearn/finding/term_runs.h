#pragma once
// Runs of words as candidates for terms, whatever case they are written in.

#include "text/ordinary_english.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// How often ordinary English says together what it says apart (of the rarest word's count, at most): names, other
// words.
inline constexpr double kNamesTogether = 0.5, kWordsTogether = 0.02;

// How often ordinary English may have a name of these words (in lower case). One that is an ordinary word elsewhere
// (Bill, Lion) is measured against three tenths of that word's use, at least.
double ordinary_count(std::span<const std::string> words, const text::OrdinaryEnglish& english);

bool is_link(std::string_view word);    // "of", "the"
bool is_number(std::string_view word);  // begins with a digit

// The words of a text at its blanks.
std::vector<std::string> split_words(std::string_view text);
// What runs are the same by: lower case, without the full stops of "Mrs." and of initials.
std::string run_key(std::span<const std::string> words);
std::string written_run(std::span<const std::string> words);

struct TermRun {
    std::size_t words = 0;
    std::int64_t count = 0;
    std::map<std::string, std::int64_t> forms;  // as it is written

    void add(std::size_t n_words, const std::string& form, std::int64_t occurrences);
    // The commonest form; one that is all in capitals only where it is far commoner than others.
    std::string form() const;
};

}  // namespace nepenthe::unlearn
