#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace nepenthe {

namespace {

std::string duration_text(double seconds) {
    const auto s = static_cast<long>(seconds + 0.5);
    if (s >= 3600) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
    if (s >= 60) return fmt::format("{}m{:02}s", s / 60, s % 60);
    return fmt::format("{}s", s);
}

}  // namespace

Progress::Progress(std::string label, std::string unit, std::uint64_t total, bool visible, std::uint64_t done)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      done_(done),
      done_at_start_(done),
      visible_(visible),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_print_(start_) {}

Progress::~Progress() {
    if (visible_ && (printed_ || terminal_)) print(true);
}

void Progress::advance(std::uint64_t count) { update(done_ + count, remark_); }

void Progress::update(std::uint64_t done, std::string remark) {
    done_ = done;
    remark_ = std::move(remark);
    if (!visible_) return;
    const auto interval = terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10000);
    if (Clock::now() - last_print_ >= interval) print(false);
}

void Progress::print(bool final) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
    const double rate = elapsed > 0 ? static_cast<double>(done_ - done_at_start_) / elapsed : 0;
    std::string tail;
    if (final) {
        tail = fmt::format("in {}", duration_text(elapsed));
    } else if (rate > 0 && total_ >= done_) {
        tail = fmt::format("{} left", duration_text(static_cast<double>(total_ - done_) / rate));
    }
    const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
    std::string line = fmt::format("{} {}/{} {} ({:.0f} %) {:.4g} {}/s {}", label_, done_, total_, unit_, 100 * share,
                                   rate, unit_, tail);
    if (!remark_.empty()) line += "  " + remark_;
    if (terminal_) {
        constexpr int kWidth = 20;
        const int filled = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
        fmt::print(stderr, "\r\033[K[{}{}] {}{}", std::string(static_cast<std::size_t>(filled), '#'),
                   std::string(static_cast<std::size_t>(kWidth - filled), ' '), line, final ? "\n" : "");
    } else {
        fmt::print(stderr, "{}\n", line);
    }
    std::fflush(stderr);
    printed_ = true;
    last_print_ = Clock::now();
}

}  // namespace nepenthe
