#pragma once
// TensorBoard event files, written without TensorBoard: TFRecord framing around protobuf Event messages.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace nepenthe::report {

// One events.out.tfevents.* file in `folder`; rank 0 only.
class EventFile {
  public:
    explicit EventFile(const std::filesystem::path& folder);
    ~EventFile();
    void scalar(std::string_view tag, std::int64_t step, double value);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::report
