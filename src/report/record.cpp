#include "report/record.h"

#include <array>
#include <bit>

namespace nepenthe::report {

namespace {

constexpr std::uint32_t kCastagnoliReflected = 0x82F63B78;

constexpr std::array<std::uint32_t, 256> crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1u) != 0 ? kCastagnoliReflected : 0u);
        }
        table[byte] = remainder;
    }
    return table;
}

// A CRC over data that holds CRCs is weak, so the format stores a rotated one with an offset.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xA282EAD8u; }

template <typename Integer>
void put_fixed(std::string& bytes, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
}

void put_varint(std::string& bytes, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
}

enum WireType : std::uint64_t { kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5 };

void put_key(std::string& bytes, std::uint64_t field, WireType type) { put_varint(bytes, field << 3 | type); }

void put_delimited(std::string& bytes, std::uint64_t field, std::string_view content) {
    put_key(bytes, field, kDelimited);
    put_varint(bytes, content.size());
    bytes += content;
}

// Field 1 of Event.
std::string event_at(double wall_time) {
    std::string event;
    put_key(event, 1, kFixed64);
    put_fixed(event, std::bit_cast<std::uint64_t>(wall_time));
    return event;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
    std::uint32_t crc = ~0u;
    for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
    return ~crc;
}

std::string framed_record(std::string_view payload) {
    std::string record;
    put_fixed(record, static_cast<std::uint64_t>(payload.size()));
    put_fixed(record, masked(crc32c(record)));
    record += payload;
    put_fixed(record, masked(crc32c(payload)));
    return record;
}

std::string version_event(double wall_time) {
    std::string event = event_at(wall_time);
    put_delimited(event, 3, "brain.Event:2");  // file_version
    return event;
}

std::string scalar_event(double wall_time, std::string_view tag, std::int64_t step, float value) {
    std::string point;
    put_delimited(point, 1, tag);  // Summary.Value.tag
    put_key(point, 2, kFixed32);   // Summary.Value.simple_value
    put_fixed(point, std::bit_cast<std::uint32_t>(value));
    std::string summary;
    put_delimited(summary, 1, point);  // Summary.value

    std::string event = event_at(wall_time);
    put_key(event, 2, kVarint);  // step
    put_varint(event, static_cast<std::uint64_t>(step));
    put_delimited(event, 5, summary);  // summary
    return event;
}

}  // namespace nepenthe::report
