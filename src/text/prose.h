#pragma once
// Running text as words that know where a capital means something: what stands inside a sentence, what opens one, a
// quotation, a heading or a line of verse.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

enum class WordCase : std::uint8_t { kLower, kCapital, kUpper, kNumber };  // kUpper: two letters and more, all capitals

// How a word hangs together with the one before it.
enum class Joint : std::uint8_t {
    kApart,
    kBlank,
    kPeriod,      // "Mrs. Darling", "L. Frank"
    kApostrophe,  // "Marooners' Rock"
};

struct ProseWord {
    std::string text;                  // in the comparison form (folded_text.h), without 's, 'll, 'd …
    std::uint32_t begin = 0, end = 0;  // its bytes in the original
    WordCase written = WordCase::kLower;
    Joint joint = Joint::kApart;
    bool opens = false;   // whatever stood here would have a capital; the words of a heading all count as such
    bool clitic = false;  // 's, 'll, 'd … followed
};

struct Prose {
    std::vector<ProseWord> words;
    std::int64_t citations = 0;  // lines left out: references with a DOI, an ISBN, "Retrieved …", encyclopaedias' "^"
    std::int64_t without_blanks = 0;  // characters of scripts that write no blanks between words, which are passed over
};

// Words are letters and digits with apostrophes and hyphens inside; what goes on behind a slash, an @ or a full stop
// without a blank (addresses) is none, nor are the marks of notes, "[12]". A line break inside a paragraph is a blank
// where the text is wrapped to a width and the line reaches it; elsewhere (verse, lists) the next line opens. `passage`
// is valid UTF-8 of less than 4 GiB.
Prose read_prose(std::string_view passage);

// What a document says itself: without the licence that Project Gutenberg puts before and behind a book.
std::string_view own_words(std::string_view document);

// A document in slices of about `bytes`, cut at blank lines, or at line ends where there are none: work for ranks.
std::vector<std::string_view> passages(std::string_view document, std::size_t bytes);

}  // namespace nepenthe::text
