#pragma once
// How far a long stage is, at what rate, and how long it will still take. Rank 0 only.

#include <chrono>
#include <cstdint>
#include <string>

namespace nepenthe {

// A bar on a terminal; elsewhere one plain line every 10 s. Prints nothing where `visible` is false (ranks > 0).
class Progress {
  public:
    // `unit` is what is counted ("tokens", "blocks"); `done` is where a resumed stage begins.
    Progress(std::string label, std::string unit, std::uint64_t total, bool visible, std::uint64_t done = 0);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void advance(std::uint64_t count);
    // Sets an absolute position and a short remark ("loss 2.31").
    void update(std::uint64_t done, std::string remark = "");

  private:
    using Clock = std::chrono::steady_clock;
    void print(bool final);

    std::string label_, unit_, remark_;
    std::uint64_t total_, done_, done_at_start_;
    bool visible_, terminal_, printed_ = false;
    Clock::time_point start_, last_print_;
};

}  // namespace nepenthe
