#pragma once
// What a character says about how its script sets words apart.

namespace nepenthe::text {

// Han, kana, bopomofo, Thai, Lao, Khmer, Burmese, Tibetan and their kin, with their punctuation and full-width forms:
// words follow one another without blanks, and nothing but a dictionary tells where one ends.
bool writes_without_blanks(char32_t code_point);

// Syllables and letters of Hangul: words are set apart by blanks, but particles are written on to them.
bool is_hangul(char32_t code_point);

// Characters that stand for a syllable or a word rather than a sound: Han and Hangul syllables. A name of two of them
// is as long as one of four letters.
bool is_syllabic(char32_t code_point);

}  // namespace nepenthe::text
