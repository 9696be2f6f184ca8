#include "dist/fault.h"

#include "base/error.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

namespace nepenthe::dist {

namespace {

enum class Action { kKill, kThrow, kHang };

struct Fault {
    Action action = Action::kKill;
    std::string point;
    int nth = 1;
    int passed = 0;
};

// Written once at the start, read by the thread that passes the points.
Fault& armed_fault() {
    static Fault fault;
    return fault;
}

int number_in(std::string_view text, std::string_view all) {
    int value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) {
        fail(ErrorKind::kUsage,
             "NEPENTHE_FAULT=\"{}\": \"{}\" is not a number; the form is [ACTION@]POINT[:RANK[:NTH]]", all, text);
    }
    return value;
}

// Cuts `text` at the first `mark` and returns what stood before it.
std::string_view take_until(std::string_view& text, char mark) {
    const std::size_t end = text.find(mark);
    const std::string_view head = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return head;
}

}  // namespace

namespace detail {

bool faults_armed = false;

void fault_passed(const char* point) {
    Fault& fault = armed_fault();
    if (fault.point != point || ++fault.passed != fault.nth) return;
    switch (fault.action) {
        case Action::kKill: ::kill(::getpid(), SIGKILL); break;
        case Action::kThrow: fail(ErrorKind::kInternal, "fault injected at {}", point);
        case Action::kHang:
            while (true) ::sleep(1000);
    }
}

}  // namespace detail

void arm_faults(int rank) {
    detail::faults_armed = false;
    const char* value = std::getenv("NEPENTHE_FAULT");
    if (value == nullptr || *value == '\0') return;
    const std::string_view all = value;
    std::string_view rest = all;
    Fault fault;
    if (rest.find('@') != std::string_view::npos) {
        const std::string_view action = take_until(rest, '@');
        if (action == "throw") {
            fault.action = Action::kThrow;
        } else if (action == "hang") {
            fault.action = Action::kHang;
        } else if (action != "kill") {
            fail(ErrorKind::kUsage, "NEPENTHE_FAULT=\"{}\": the action is kill, throw or hang, not \"{}\"", all,
                 action);
        }
    }
    fault.point = take_until(rest, ':');
    const std::string_view on = take_until(rest, ':');
    if (!rest.empty()) fault.nth = number_in(rest, all);
    const bool here = on.empty() || on == "*" || number_in(on, all) == rank;
    armed_fault() = fault;
    detail::faults_armed = here;
}

}  // namespace nepenthe::dist
