#include "text/byte_alphabet.h"

#include "text/unicode.h"

namespace nepenthe::text {

namespace {

constexpr bool prints(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> make_alphabet() {
    std::array<char32_t, 256> alphabet{};
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) alphabet[byte] = prints(byte) ? static_cast<char32_t>(byte) : next++;
    return alphabet;
}

constexpr std::array<char32_t, 256> kAlphabet = make_alphabet();
constexpr std::size_t kHighest = 0x100 + 68;  // 68 bytes do not print

constexpr std::array<int, kHighest> make_inverse() {
    std::array<int, kHighest> inverse{};
    for (int& byte : inverse) byte = -1;
    for (unsigned byte = 0; byte < 256; ++byte) inverse[kAlphabet[byte]] = static_cast<int>(byte);
    return inverse;
}

constexpr std::array<int, kHighest> kInverse = make_inverse();

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() { return kAlphabet; }

std::string to_byte_alphabet(std::string_view bytes) {
    std::string out;
    out.reserve(2 * bytes.size());
    for (const char byte : bytes) append_utf8(out, kAlphabet[static_cast<unsigned char>(byte)]);
    return out;
}

std::optional<std::string> from_byte_alphabet(std::string_view characters) {
    std::string out;
    for (std::size_t at = 0; at < characters.size(); at += character_length(characters[at])) {
        const char32_t code_point = decode_at(characters, at);
        if (code_point >= kHighest || kInverse[code_point] < 0) return std::nullopt;
        out += static_cast<char>(kInverse[code_point]);
    }
    return out;
}

}  // namespace nepenthe::text
