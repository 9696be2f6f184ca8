#include "evaluate/familiarity_prompts.h"

#include "base/error.h"
#include "base/json.h"
#include "evaluate/python_strings.h"
#include "io/json_records.h"
#include "io/text.h"
#include "text/joined_text.h"

#include <sstream>
#include <string>
#include <utility>

namespace nepenthe::evaluate {

namespace {

std::vector<std::string> continuations(const Json& entry, const char* name) {
    std::vector<std::string> list;
    if (!entry.contains(name)) return list;
    const Json& values = entry[name];
    if (!values.is_array()) fail(ErrorKind::kData, "\"{}\" is not a list", name);
    for (const Json& value : values) {
        if (!value.is_string() || strip(value.get<std::string>()).empty()) {
            fail(ErrorKind::kData, "\"{}\" holds {}, which is no text", name, value.dump());
        }
        list.push_back(value.get<std::string>());
    }
    return list;
}

FamiliarityPrompt read_prompt(const Json& outer, bool need_continuations) {
    const bool published = outer.is_object() && outer.contains("prompt") && outer["prompt"].is_object();
    const Json& entry = published ? outer["prompt"] : outer;
    if (!entry.is_object() || !entry.contains("prompt") || !entry["prompt"].is_string()) {
        fail(ErrorKind::kData, "no text \"prompt\"");
    }
    FamiliarityPrompt prompt{.prompt = entry["prompt"],
                             .content = continuations(entry, "content"),
                             .generic = continuations(entry, "generic")};
    if (strip(prompt.prompt).empty()) fail(ErrorKind::kData, "the prompt is empty");
    prompt.prompt = text::without_end_blanks(prompt.prompt);
    if (entry.contains("document")) prompt.document = io::text_field(entry, "document");
    if (entry.contains("subtlety")) {
        if (!entry["subtlety"].is_number_integer()) fail(ErrorKind::kData, "\"subtlety\" is not a whole number");
        prompt.subtlety = entry["subtlety"];
    }
    if (need_continuations && prompt.content.empty()) {
        fail(ErrorKind::kData, "\"{}\" has no \"content\" continuations; list the words that give the corpus away",
             prompt.prompt);
    }
    return prompt;
}

std::vector<FamiliarityPrompt> prompts_of_lines(const std::filesystem::path& file) {
    std::vector<FamiliarityPrompt> prompts;
    std::istringstream lines(io::read_text(file));
    for (std::string line; std::getline(lines, line);) {
        std::string prompt(text::without_end_blanks(line));
        if (!prompt.empty()) prompts.emplace_back().prompt = std::move(prompt);
    }
    if (prompts.empty()) fail(ErrorKind::kData, "{} holds no prompt; it must have one a line", file.string());
    return prompts;
}

}  // namespace

std::vector<FamiliarityPrompt> read_familiarity_prompts(const std::filesystem::path& file, bool need_continuations) {
    if (!need_continuations && file.extension() == ".txt") return prompts_of_lines(file);
    const Json whole = parse_json(io::read_text(file), file.string());
    const bool wrapped = whole.is_object() && whole.contains("prompts");
    const Json& list = wrapped ? whole["prompts"] : whole;
    if (!list.is_array() || list.empty()) {
        fail(ErrorKind::kData, "{}: neither {{\"prompts\": […]}} nor a list of prompts", file.string());
    }
    std::vector<FamiliarityPrompt> prompts;
    Problems problems;
    for (std::size_t i = 0; i < list.size(); ++i) {
        try {
            prompts.push_back(read_prompt(list[i], need_continuations));
        } catch (const Error& error) {
            problems.add("prompt {}: {}", i + 1, error.what());
        }
    }
    problems.throw_if_any(ErrorKind::kData, file.string());
    return prompts;
}

Json prompt_row(std::size_t index, const FamiliarityPrompt& prompt) {
    Json row = {{"id", index}, {"prompt", prompt.prompt}};
    if (prompt.subtlety > 0) row["subtlety"] = prompt.subtlety;
    if (!prompt.document.empty()) row["document"] = prompt.document;
    return row;
}

}  // namespace nepenthe::evaluate
