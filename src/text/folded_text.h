#pragma once
// Text in one comparison form, whatever typography it is set in: what is the same word to a reader is the same bytes
// here, and every byte knows the original text that it came from.

#include "text/aligned_text.h"

#include <optional>
#include <string_view>

namespace nepenthe::text {

// Stands for a hyphen and the line break behind it inside a word: "Hal-\ncyon" may be "Halcyon" or "Hal-cyon".
inline constexpr char kLineEndHyphen = '\x01';

enum class Markup {
    kDropped,  // _Name_, *Name*, **Name**: the marks are left out; those inside a word (snake_case, M*A*S*H) stay
    kKept,
};

// The comparison form. Casing stays, and so does everything that changes what a word says (accents, superscripts).
// - Apostrophes, primes and single quotation marks become ', double ones "; hyphens, dashes and the minus sign become
//   -, several in a row one; middle dots become one kind.
// - White space becomes one space; with more than one line break (a new paragraph) a line break, which no term holds. A
//   line break between two characters of scripts without blanks is left out, and so is one behind a soft hyphen.
// - Soft hyphens, zero-width characters, direction marks, variation selectors and the Arabic stretching sign are left
//   out.
// - Letters are in form NFC; ligatures, full- and half-width, presentation and mathematical forms become plain letters.
// `original` is valid UTF-8 and outlives the result. Throws Error(kData) beyond 4 GiB.
AlignedText fold(std::string_view original, Markup markup);

// Where bytes [begin, end) of a folded text lie in the original; nothing where an end lies inside what one character of
// the original became (the "f" of a ligature).
std::optional<TextRange> original_range(const AlignedText& folded, TextRange range);

}  // namespace nepenthe::text
