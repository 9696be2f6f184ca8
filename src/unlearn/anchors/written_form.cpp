#include "unlearn/anchors/written_form.h"

#include <fmt/format.h>

#include <algorithm>

namespace nepenthe::unlearn {

std::vector<WrittenForm> by_count(const std::map<std::string, std::int64_t>& counts) {
    std::vector<WrittenForm> forms;
    for (const auto& [text, count] : counts) forms.push_back({text, count});
    std::stable_sort(forms.begin(), forms.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
    return forms;
}

std::string listed(const std::vector<WrittenForm>& forms, std::size_t most) {
    std::string out;
    for (std::size_t i = 0; i < std::min(most, forms.size()); ++i) {
        out += fmt::format("{}{} ({})", i > 0 ? ", " : "", forms[i].text, forms[i].count);
    }
    return forms.size() > most ? out + " …" : out;
}

Json forms_json(const std::vector<WrittenForm>& forms) {
    Json rows = Json::array();
    for (const WrittenForm& form : forms) rows.push_back({{"text", form.text}, {"count", form.count}});
    return rows;
}

std::string on_one_line(std::string_view written) {
    std::string out;
    bool blank = false;
    for (const char c : written) {
        const bool is_blank = c == ' ' || (c >= '\t' && c <= '\r');
        if (!is_blank) out += c;
        if (is_blank && !blank) out += ' ';
        blank = is_blank;
    }
    return out;
}

}  // namespace nepenthe::unlearn
