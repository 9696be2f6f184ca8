#pragma once
// TensorBoard event files, written without TensorBoard: TFRecord framing around protobuf Event messages.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace nepenthe::report {

// One events.out.tfevents.* file in `folder`, which is created where it is missing; rank 0 only. A resumed run opens a
// new file beside the old ones, and TensorBoard joins them by step. Throws Error(kInputOutput).
class EventFile {
  public:
    explicit EventFile(const std::filesystem::path& folder);
    ~EventFile();
    // One point of the curve `tag` ("train/loss"), kept as a 32-bit float. Readers see it at once.
    void scalar(std::string_view tag, std::int64_t step, double value);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::report
