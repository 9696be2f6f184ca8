#pragma once
// How a term may be bent where it occurs, and its replacement with it: the rules that there are. What no rule covers is
// reported by `anchors check`.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// How an occurrence is written. The replacement follows it.
enum class Casing : std::uint8_t { kAsGiven, kLower, kUpper, kTitle };
std::string apply_casing(std::string_view text, Casing casing);

enum class Inflection : std::uint8_t {
    kNone,
    kPlural,          // Dursleys, halfpennies, Woodmen
    kBarePossessive,  // Dobbs' house: the occurrence takes in the apostrophe
    kParticle,        // 해리는: the occurrence takes in a Korean particle that goes by the sound before it
};

// Plurals of a term in Latin letters as English (and much of Europe) forms them, the usual one first; none where no
// rule applies. Of several words the one before "of", "from" … or the last is bent: Witches of the West.
std::vector<std::string> plurals(std::string_view term);

// A replacement as it stands in the place of `written`, an occurrence: bent and cased alike, with its apostrophe.
std::string replacement_like(std::string_view replacement, Inflection inflection, Casing casing,
                             std::string_view written);

// The word that follows a Korean term without a blank is a particle (or several): 는, 에게서도 …
bool is_korean_particle(std::string_view word);
// Bytes at the front of `particle` that go by whether the word before ends in a consonant (은/는, 이/가, 을/를, 과/와,
// 으로/로); 0 where it goes with both.
std::size_t agreeing_bytes(std::string_view particle);

}  // namespace nepenthe::unlearn
