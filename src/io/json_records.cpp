#include "io/json_records.h"

#include "base/error.h"
#include "io/file.h"
#include "io/records.h"
#include "io/text.h"

namespace nepenthe::io {

namespace {

Json parse(std::string_view bytes) {
    if (bytes.empty()) fail(ErrorKind::kData, "a record is missing: the list is not closed, or a comma stands alone");
    return parse_json(bytes, "not JSON");
}

}  // namespace

void for_each_json_record(const std::filesystem::path& file, std::int64_t limit,
                          const std::function<void(const Json& record)>& read) {
    const MappedFile mapped(file);
    std::string_view text = mapped.text();
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        fail(ErrorKind::kData, "{}: UTF-16; convert it with: iconv -f UTF-16 -t UTF-8", file.string());
    }
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    BadRecords bad;
    std::int64_t records = 0;
    for_each_record(text, [&](std::size_t line, std::string_view bytes) {
        if (limit > 0 && records >= limit) return false;
        ++records;
        try {
            read(parse(bytes));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            bad.add(line, error.what());
        }
        return true;
    });
    Problems problems;
    for (const std::string& reason : bad.describe()) problems.add("{}", reason);
    problems.throw_if_any(ErrorKind::kData, file.string());
    if (records == 0) fail(ErrorKind::kData, "{} holds no records", file.string());
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

std::string text_field(const Json& record, const char* name) {
    if (!record.is_object()) fail(ErrorKind::kData, "not a JSON object");
    const auto found = record.find(name);
    if (found == record.end()) fail(ErrorKind::kData, "no \"{}\"", name);
    if (!found->is_string()) fail(ErrorKind::kData, "\"{}\" is not a string", name);
    std::string text = found->get<std::string>();
    if (is_blank(text)) fail(ErrorKind::kData, "\"{}\" is empty", name);
    return text;
}

}  // namespace nepenthe::io
