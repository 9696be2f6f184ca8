#include "evaluate/muse_files.h"

#include "base/error.h"
#include "io/json_records.h"

namespace nepenthe::evaluate {

namespace {

std::vector<MuseQuestion> questions_of(const std::filesystem::path& file, std::int64_t limit) {
    std::vector<MuseQuestion> questions;
    io::for_each_json_record(file, limit, [&](const Json& record) {
        questions.push_back({io::text_field(record, "question"), io::text_field(record, "answer")});
    });
    return questions;
}

std::vector<MusePassage> passages_of(const std::filesystem::path& file, std::int64_t limit) {
    std::vector<MusePassage> passages;
    io::for_each_json_record(file, limit, [&](const Json& record) {
        passages.push_back({io::text_field(record, "prompt"), io::text_field(record, "gt")});
    });
    return passages;
}

std::vector<std::string> muse_texts(const std::filesystem::path& file, std::int64_t limit) {
    std::vector<std::string> texts;
    io::for_each_json_record(file, limit, [&](const Json& record) {
        texts.push_back(record.is_string() && !record.get_ref<const std::string&>().empty()
                            ? record.get<std::string>()
                            : io::text_field(record, "text"));
    });
    return texts;
}

}  // namespace

std::vector<std::filesystem::path> muse_files(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const char* name :
         {"verbmem/forget.json", "knowmem/forget_qa.json", "knowmem/forget_qa_icl.json", "knowmem/retain_qa.json",
          "knowmem/retain_qa_icl.json", "privleak/forget.json", "privleak/holdout.json"}) {
        files.push_back(folder / name);
    }
    return files;
}

MuseSets read_muse(const std::filesystem::path& folder, std::int64_t limit) {
    const auto files = muse_files(folder);
    MuseSets sets;
    Problems problems;
    const auto read = [&](auto& into, auto reader, std::size_t file, std::int64_t most) {
        try {
            into = reader(files[file], most);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("{}", error.what());
        }
    };
    read(sets.passages, passages_of, 0, limit);
    read(sets.forget, questions_of, 1, limit);
    read(sets.forget_before, questions_of, 2, 0);
    read(sets.retain, questions_of, 3, limit);
    read(sets.retain_before, questions_of, 4, 0);
    read(sets.forget_texts, muse_texts, 5, limit);
    read(sets.holdout_texts, muse_texts, 6, limit);
    problems.throw_if_any(ErrorKind::kData, "muse");
    return sets;
}

}  // namespace nepenthe::evaluate
