// Dates as templates ask for them.

#include "text/jinja/evaluator.h"

namespace nepenthe::text::jinja {

namespace {

constexpr std::string_view kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};
constexpr std::string_view kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

struct CivilTime {
    int year;
    unsigned month, day, weekday, day_of_year, hour, minute, second;
};

CivilTime civil(std::chrono::local_seconds time) {
    const auto date = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day ymd(date);
    const std::chrono::local_days new_year(ymd.year() / std::chrono::January / 1);
    const std::chrono::hh_mm_ss<std::chrono::seconds> clock(time - date);
    return {static_cast<int>(ymd.year()),
            static_cast<unsigned>(ymd.month()),
            static_cast<unsigned>(ymd.day()),
            std::chrono::weekday(date).c_encoding(),
            static_cast<unsigned>((date - new_year).count()) + 1,
            static_cast<unsigned>(clock.hours().count()),
            static_cast<unsigned>(clock.minutes().count()),
            static_cast<unsigned>(clock.seconds().count())};
}

// A number with `width` digits, or as it is where the directive says "%-d".
std::string digits(unsigned number, int width, bool bare) {
    return bare ? fmt::format("{}", number) : fmt::format("{:0{}}", number, width);
}

std::string directive(const CivilTime& time, char letter, bool bare) {
    const unsigned twelve = time.hour % 12 == 0 ? 12 : time.hour % 12;
    switch (letter) {
        case 'Y': return fmt::format("{}", time.year);
        case 'y': return digits(static_cast<unsigned>(time.year % 100), 2, bare);
        case 'm': return digits(time.month, 2, bare);
        case 'd': return digits(time.day, 2, bare);
        case 'e': return bare ? digits(time.day, 2, true) : fmt::format("{:2}", time.day);
        case 'j': return digits(time.day_of_year, 3, bare);
        case 'B': return std::string(kMonths[time.month - 1]);
        case 'b':
        case 'h': return std::string(kMonths[time.month - 1].substr(0, 3));
        case 'A': return std::string(kDays[time.weekday]);
        case 'a': return std::string(kDays[time.weekday].substr(0, 3));
        case 'w': return fmt::format("{}", time.weekday);
        case 'u': return fmt::format("{}", time.weekday == 0 ? 7 : time.weekday);
        case 'H': return digits(time.hour, 2, bare);
        case 'I': return digits(twelve, 2, bare);
        case 'M': return digits(time.minute, 2, bare);
        case 'S': return digits(time.second, 2, bare);
        case 'p': return time.hour < 12 ? "AM" : "PM";
        case 'F': return fmt::format("{}-{:02}-{:02}", time.year, time.month, time.day);
        case 'D': return fmt::format("{:02}/{:02}/{:02}", time.month, time.day, time.year % 100);
        case 'T': return fmt::format("{:02}:{:02}:{:02}", time.hour, time.minute, time.second);
        case 'R': return fmt::format("{:02}:{:02}", time.hour, time.minute);
        case 'z':
        case 'Z': return "";  // the time that transformers asks for knows no zone
        case '%': return "%";
        default: fail(ErrorKind::kData, "strftime_now: \"%{}\" is not supported", letter);
    }
}

}  // namespace

std::string strftime(std::chrono::local_seconds time, std::string_view format) {
    const CivilTime parts = civil(time);
    std::string result;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%') {
            result += format[i];
            continue;
        }
        const bool bare = i + 1 < format.size() && format[i + 1] == '-';
        i += bare ? 2 : 1;
        if (i >= format.size()) fail(ErrorKind::kData, "strftime_now: the format ends in \"%\"");
        result += directive(parts, format[i], bare);
    }
    return result;
}

}  // namespace nepenthe::text::jinja
