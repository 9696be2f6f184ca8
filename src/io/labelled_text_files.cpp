#include "io/labelled_text_files.h"

#include "base/error.h"
#include "io/json_records.h"
#include "io/text.h"

#include <array>
#include <string_view>
#include <utility>

namespace nepenthe::io {

namespace {

// Names that people give a field, the one that messages name first.
constexpr std::array<const char*, 2> kQuestion = {"question", "prompt"};
constexpr std::array<const char*, 3> kAnswer = {"answer", "response", "completion"};

template <std::size_t N>
const char* name_in(const Json& record, const std::array<const char*, N>& names) {
    for (const char* name : names) {
        if (record.contains(name)) return name;
    }
    return names.front();
}

LabelledText record_of(const Json& record) {
    if (record.is_string()) {
        std::string text = record.get<std::string>();
        if (is_blank(text)) fail(ErrorKind::kData, "the text is empty");
        return {"", std::move(text)};
    }
    if (!record.is_object()) fail(ErrorKind::kData, "neither a JSON object nor a string");
    std::string document = record.contains("document") ? text_field(record, "document") : "";
    if (record.contains("text")) return {"", text_field(record, "text"), std::move(document)};
    const char* question = name_in(record, kQuestion);
    const char* answer = name_in(record, kAnswer);
    if (!record.contains(question) && !record.contains(answer)) {
        fail(ErrorKind::kData, "neither \"text\" nor \"question\" and \"answer\"");
    }
    return {text_field(record, question), text_field(record, answer), std::move(document)};
}

}  // namespace

bool holds_records(const std::filesystem::path& path) {
    std::error_code ignored;
    return (path.extension() == ".json" || path.extension() == ".jsonl") &&
           !std::filesystem::is_directory(path, ignored);
}

std::vector<LabelledText> read_labelled_texts(const std::filesystem::path& path, std::int64_t limit) {
    std::vector<LabelledText> texts;
    if (holds_records(path)) {
        for_each_json_record(path, limit, [&](const Json& record) { texts.push_back(record_of(record)); });
        return texts;
    }
    for (std::string& document : read_documents({path}).texts) {
        if (limit > 0 && std::cmp_greater_equal(texts.size(), limit)) break;
        texts.push_back({"", std::move(document), ""});
    }
    return texts;
}

}  // namespace nepenthe::io
