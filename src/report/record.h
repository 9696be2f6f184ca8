#pragma once
// The bytes of TensorBoard event files, as pure functions.
//
// TFRecord framing (tensorflow/core/lib/io/record_writer): length as u64, masked CRC-32C of the length as u32, payload,
// masked CRC-32C of the payload as u32; all little-endian. Payload: an Event message (tensorflow/core/util/event.proto)
// in protobuf's wire format.

#include <cstdint>
#include <string>
#include <string_view>

namespace nepenthe::report {

// CRC-32C (Castagnoli) of the bytes.
std::uint32_t crc32c(std::string_view bytes);

std::string framed_record(std::string_view payload);

// The first event of a file: which format follows.
std::string version_event(double wall_time);

// One point of a curve; `wall_time` in seconds since 1970.
std::string scalar_event(double wall_time, std::string_view tag, std::int64_t step, float value);

}  // namespace nepenthe::report
