#include "evaluate/probe_files.h"

#include "base/error.h"
#include "base/json.h"
#include "evaluate/benchmark_files.h"
#include "io/json_records.h"

#include <utility>

namespace nepenthe::evaluate {

namespace {

// A field that may be missing or blank.
std::string optional_text(const Json& record, const char* name) {
    const auto found = record.find(name);
    if (found == record.end() || found->is_null()) return "";
    if (!found->is_string()) fail(ErrorKind::kData, "\"{}\" is not a string", name);
    std::string text = found->get<std::string>();
    return io::is_blank(text) ? "" : text;
}

ProbeItem choice_item(const Json& record) {
    const std::string subject = optional_text(record, "subject");
    const ChoiceItem read = lettered_question(
        record, subject.empty() ? "Answer the following question with A, B, C, or D." : about_subject(subject));
    ProbeItem item;
    item.prefix = read.contexts.front();
    for (const std::string& letter : read.continuations) item.choices.push_back(letter.substr(1));
    if (read.gold < 0 || std::cmp_greater_equal(read.gold, item.choices.size())) {
        fail(ErrorKind::kData, "the answer {} is not one of {} choices", read.gold, item.choices.size());
    }
    item.answer = item.choices[static_cast<std::size_t>(read.gold)];
    return item;
}

ProbeItem read_item(const Json& record) {
    if (!record.is_object()) fail(ErrorKind::kData, "not a JSON object");
    if (record.contains("choices")) return choice_item(record);
    ProbeItem item{
        optional_text(record, "question"), optional_text(record, "prefix"), io::text_field(record, "entity"), {}};
    if (item.question.empty() && item.prefix.empty()) {
        fail(ErrorKind::kData, "neither \"question\" nor \"prefix\": nothing stands before the entity");
    }
    return item;
}

}  // namespace

std::vector<ProbeItem> read_probe_items(const std::filesystem::path& file, std::int64_t limit) {
    std::vector<ProbeItem> items;
    io::for_each_json_record(file, limit, [&](const Json& record) { items.push_back(read_item(record)); });
    return items;
}

}  // namespace nepenthe::evaluate
