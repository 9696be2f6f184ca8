#include "base/fault.h"

#include "base/error.h"
#include "base/json.h"
#include "base/number.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe {

namespace {

enum class Action { kKill, kThrow, kHang, kStarve };

constexpr std::string_view kAnyPoint = "any";

struct Fault {
    Action action = Action::kKill;
    std::string point;
    std::int64_t nth = 1;
    std::int64_t passed = 0;
};

// Written once at the start, read by the thread that passes the points.
Fault& armed_fault() {
    static Fault fault;
    return fault;
}

// Cuts `text` at the first `mark` and returns what stood before it.
std::string_view take_until(std::string_view& text, char mark) {
    const std::size_t end = text.find(mark);
    const std::string_view head = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return head;
}

// The kernel then refuses what the allocator asks it for, as on a node whose memory is used up. A little is left for
// the stack, whose growth nobody could answer for.
void refuse_memory() {
    constexpr rlim_t kSpare = 4u << 20;
    std::ifstream status("/proc/self/statm");
    rlim_t pages = 0;
    status >> pages;
    const rlimit now{pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + kSpare, RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &now);
}

Action parse_action(std::string_view name, Problems& problems) {
    if (name == "throw") return Action::kThrow;
    if (name == "hang") return Action::kHang;
    if (name == "starve") return Action::kStarve;
    if (name != "kill") problems.add("the action is kill, throw, hang or starve, not \"{}\"", name);
    return Action::kKill;
}

std::string parse_point(std::string_view name, Problems& problems) {
    if (name != kAnyPoint && std::ranges::find(kFaultPoints, name) == kFaultPoints.end()) {
        const std::string near = nearest_name(name, {kFaultPoints.begin(), kFaultPoints.end()});
        problems.add("there is no point \"{}\"{}", name, near.empty() ? "" : ", did you mean \"" + near + "\"?");
    }
    return std::string(name);
}

struct ParsedFault {
    Fault fault;
    std::optional<std::int64_t> rank;  // none: all
};

ParsedFault parse_fault(std::string_view all, int ranks) {
    Problems problems;
    ParsedFault parsed;
    std::string_view rest = all;
    if (rest.find('@') != std::string_view::npos) parsed.fault.action = parse_action(take_until(rest, '@'), problems);
    const auto parts = std::ranges::count(rest, ':');
    parsed.fault.point = parse_point(take_until(rest, ':'), problems);
    if (const std::string_view on = take_until(rest, ':'); parts > 0 && on != "*") {
        parsed.rank = parse_integer(on);
        if (!parsed.rank || *parsed.rank < 0 || *parsed.rank >= ranks)
            problems.add("\"{}\" is neither * nor a rank from 0 to {}", on, ranks - 1);
    }
    if (parts > 1) {
        const auto nth = parse_integer(rest);
        if (!nth || *nth < 1) problems.add("\"{}\" is not the number of a passage, counted from 1", rest);
        parsed.fault.nth = nth.value_or(1);
    }
    problems.throw_if_any(ErrorKind::kUsage,
                          fmt::format("NEPENTHE_FAULT=\"{}\", whose form is [ACTION@]POINT[:RANK[:NTH]]", all));
    return parsed;
}

}  // namespace

namespace detail {

bool faults_armed = false;

void fault_passed(const char* point) {
    Fault& fault = armed_fault();
    if ((fault.point != point && fault.point != kAnyPoint) || ++fault.passed != fault.nth) return;
    switch (fault.action) {
        case Action::kKill: ::kill(::getpid(), SIGKILL); break;
        case Action::kThrow: fail(ErrorKind::kInternal, "fault injected at {}", point);
        case Action::kHang:
            while (true) ::sleep(1000);
        case Action::kStarve: refuse_memory(); break;
    }
}

}  // namespace detail

void arm_faults(int rank, int ranks) {
    detail::faults_armed = false;
    const char* value = std::getenv("NEPENTHE_FAULT");
    if (value == nullptr || *value == '\0') return;
    const ParsedFault parsed = parse_fault(value, ranks);
    armed_fault() = parsed.fault;
    detail::faults_armed = !parsed.rank || *parsed.rank == rank;
}

}  // namespace nepenthe
