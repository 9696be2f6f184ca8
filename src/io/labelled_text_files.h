#pragma once
// Texts that are learnt, forgotten or judged, as people keep them: documents, or answers to questions.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::io {

struct LabelledText {
    std::string question;       // "" for a document
    std::string text;           // the document, or the answer
    std::string document = {};  // of records: where it comes from, as its field "document" says; "" = not said
};

// Whether a path is read as records (.json, .jsonl) and not as documents.
bool holds_records(const std::filesystem::path& path);

// The first `limit` (0 = all) of a path that holds records: a JSON list or JSON Lines of strings, of {"text"}, or of
// {"question" or "prompt", "answer", "response" or "completion"}, the latter two with a "document" or not; otherwise
// documents as read_documents() reads them. Throws Error(kData) that names every bad record by its line, and for a path
// that holds nothing.
std::vector<LabelledText> read_labelled_texts(const std::filesystem::path& path, std::int64_t limit = 0);

}  // namespace nepenthe::io
