#pragma once
// What the rules of a tokenizer.json may cost one text, whatever the file says: normalizers that double it again and
// again, regular expressions that try every way. Counted in bytes and steps, so that the same text is refused on every
// machine; the thread's time is a last resort, for a loop within a step (a pattern that looks at all that follows, at
// every character).

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <ctime>

namespace nepenthe::text {

class WorkBudget {
  public:
    // Made by the thread that does the work.
    explicit WorkBudget(std::size_t text_bytes, double seconds = kSeconds)
        : bytes_(kBytes + kBytesPerByte * text_bytes),
          steps_(kSteps + kStepsPerByte * text_bytes),
          end_(thread_seconds() + seconds + kSecondsPerByte * static_cast<double>(text_bytes)) {}

    // Throws Error(kData) where all rules together have made the text longer by more than the budget.
    void grow(std::size_t bytes) {
        if (bytes > bytes_) {
            fail(ErrorKind::kData,
                 "the tokenizer's rules make the text more than {} times as long; its normalizer, pre-tokenizer or "
                 "decoder cannot be meant so",
                 kBytesPerByte);
        }
        bytes_ -= bytes;
    }
    // False where regular expressions have taken more steps than the budget.
    bool spend(std::uint64_t steps) {
        if (steps > steps_) return false;
        steps_ -= steps;
        return true;
    }

    bool in_time() const { return thread_seconds() < end_; }

  private:
    static double thread_seconds() {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
    }

    // Unicode's compatibility forms make 18 characters of one, three bytes replace a space; a published pattern takes
    // some 20 steps and 50 ns a byte.
    static constexpr std::size_t kBytesPerByte = 64, kBytes = 1u << 20;
    static constexpr std::uint64_t kStepsPerByte = 1024, kSteps = 4'000'000;
    static constexpr double kSeconds = 2, kSecondsPerByte = 1e-5;

    std::size_t bytes_;
    std::uint64_t steps_;
    double end_;
};

}  // namespace nepenthe::text
