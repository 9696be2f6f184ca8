#include "edit/facts/prompt_groups.h"

#include "base/error.h"
#include "io/json_records.h"

#include <algorithm>
#include <utility>

namespace nepenthe::edit {

namespace {

class GroupReader {
  public:
    PromptGroups read(const Json& groups) && {
        if (groups.is_null()) return {};
        if (!groups.is_object()) refuse();
        if (groups.contains("New Question")) {
            add("", groups.at("New Question"), groups.value("New Answer", Json()));
            return std::move(found_);
        }
        for (const auto& [kind, group] : groups.items()) {
            for (const Json& entry : group.is_array() ? group : Json::array({group})) read_entry(kind, entry);
        }
        return std::move(found_);
    }

  private:
    [[noreturn]] static void refuse() { fail(ErrorKind::kData, "not {{kind: [{{\"prompt\", \"ground_truth\"}}]}}"); }

    void read_entry(const std::string& kind, const Json& entry) {
        if (entry.is_null()) return;
        if (!entry.is_object()) refuse();
        const Json prompt = entry.value("prompt", Json()), answer = entry.value("ground_truth", Json());
        if (!prompt.is_array()) return add(kind, prompt, answer);
        // Lists of one length go together; one answer of several spellings stands behind a single prompt.
        const bool together = prompt.size() > 1 && answer.is_array() && answer.size() == prompt.size();
        if (prompt.size() > 1 && !together) refuse();
        for (std::size_t i = 0; i < prompt.size(); ++i) add(kind, prompt[i], together ? answer[i] : answer);
    }

    void add(const std::string& kind, const Json& prompt, const Json& answer) {
        const bool asked = prompt.is_string() && !io::is_blank(prompt.get_ref<const std::string&>());
        if (!asked && !prompt.is_null() && !prompt.is_string()) refuse();
        const auto expected = first_answer(answer);
        if (asked && expected) {
            found_.prompts.push_back({prompt.get<std::string>(), *expected, kind});
        } else {
            ++found_.unanswered;
        }
    }

    PromptGroups found_;
};

}  // namespace

std::optional<std::string> first_answer(const Json& value) {
    const Json* first = &value;
    while (first->is_array() && !first->empty()) first = &first->front();
    if (!first->is_string() || io::is_blank(first->get_ref<const std::string&>())) return std::nullopt;
    return first->get<std::string>();
}

PromptGroups read_prompt_groups(const Json& groups) { return GroupReader().read(groups); }

}  // namespace nepenthe::edit
