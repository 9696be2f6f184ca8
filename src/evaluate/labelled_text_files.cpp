#include "evaluate/labelled_text_files.h"

#include "base/error.h"
#include "evaluate/python_strings.h"
#include "io/json_records.h"
#include "io/text.h"

#include <utility>

namespace nepenthe::evaluate {

namespace {

LabelledText record_of(const Json& record) {
    if (record.is_string()) {
        std::string text = record.get<std::string>();
        if (strip(text).empty()) fail(ErrorKind::kData, "the text is empty");
        return {"", std::move(text)};
    }
    if (!record.is_object()) fail(ErrorKind::kData, "neither a JSON object nor a string");
    if (record.contains("text")) return {"", io::text_field(record, "text")};
    if (!record.contains("question") && !record.contains("answer")) {
        fail(ErrorKind::kData, "neither \"text\" nor \"question\" and \"answer\"");
    }
    return {io::text_field(record, "question"), io::text_field(record, "answer")};
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
        io::for_each_json_record(path, limit, [&](const Json& record) { texts.push_back(record_of(record)); });
        return texts;
    }
    for (std::string& document : io::read_documents({path}).texts) {
        if (limit > 0 && std::cmp_greater_equal(texts.size(), limit)) break;
        texts.push_back({"", std::move(document)});
    }
    return texts;
}

}  // namespace nepenthe::evaluate
