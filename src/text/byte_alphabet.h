#pragma once
// The alphabet of byte-level BPE: every byte as one printable character (GPT-2's encoder.py: bytes that print stand
// for themselves, the others for U+0100 and up, in order).

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace nepenthe::text {

// Code point of each byte.
const std::array<char32_t, 256>& byte_alphabet();
// The bytes as characters of the alphabet, in UTF-8.
std::string to_byte_alphabet(std::string_view bytes);
// The bytes that `characters` stand for; nothing when one of them is not of the alphabet.
std::optional<std::string> from_byte_alphabet(std::string_view characters);

}  // namespace nepenthe::text
