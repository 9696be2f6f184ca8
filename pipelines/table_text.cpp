#include "pipelines/table_text.h"

#include "io/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::pipelines {

std::string number_text(double value, const char* sign) {
    if (std::isnan(value)) return kNone;
    const std::string number = std::abs(value) >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.4f}", value);
    if (number == "-0.0000") return sign + number.substr(1);
    return (value >= 0 ? sign : "") + number;
}

std::string with_interval(const std::string& value, double low, double high, const char* sign) {
    if (std::isnan(low) || std::isnan(high)) return value;
    return fmt::format("{} [{}, {}]", value, number_text(low, sign), number_text(high, sign));
}

std::string lay_out(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths(rows[0].size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], io::count_code_points(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i] + std::string(widths[i] + 2 - io::count_code_points(row[i]), ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace nepenthe::pipelines
