#pragma once
// Tables for people: cells of numbers with their intervals, columns of one width.

#include <string>
#include <vector>

namespace nepenthe::pipelines {

// What stands where there is no number.
inline constexpr const char* kNone = "–";

// Four digits behind the point, one for numbers from 100 on; `sign` before those that are not negative. NaN is kNone.
std::string number_text(double value, const char* sign = "");
// "value [low, high]"; the value alone where a bound is NaN.
std::string with_interval(const std::string& value, double low, double high, const char* sign = "");

// Rows of as many cells as the first one has, two blanks between columns.
std::string lay_out(const std::vector<std::vector<std::string>>& rows);

}  // namespace nepenthe::pipelines
