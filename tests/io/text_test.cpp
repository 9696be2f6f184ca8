#include "io/text.h"

#include "expected_errors.h"
#include "temporary_folder.h"

namespace nepenthe::io {
namespace {

using testing::expect_contains;
using testing::message_of;

TEST(FindInvalidUtf8, FindsTheFirstBadByte) {
    EXPECT_EQ(find_invalid_utf8(""), std::string_view::npos);
    EXPECT_EQ(find_invalid_utf8("plain ascii, long enough for words"), std::string_view::npos);
    EXPECT_EQ(find_invalid_utf8("é \u20AC \U0001F600 \uFFFD \U0010FFFF"), std::string_view::npos);
    const std::pair<const char*, std::size_t> bad[] = {
        {"\x80", 0},
        {"ab\xff", 2},
        {"0123456789\xc3", 10},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x80\xaf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"x\xe2\x82", 1},
        {"x\xe2\x82z", 1},
        {"\xc3\xa9\xc3", 2},
        {"\xfe\xff", 0},
        {"\xf8\x88\x80\x80\x80", 0},
    };
    for (const auto& [text, offset] : bad) EXPECT_EQ(find_invalid_utf8(text), offset) << text;
}

TEST(ReadText, NormalisesMarkAndLineEnds) {
    testing::TemporaryFolder folder;
    EXPECT_EQ(read_text(folder.write("a", "\xEF\xBB\xBFone\r\ntwo\rthree\r\r\n\r\n")), "one\ntwo\rthree\r\n\n");
    EXPECT_EQ(read_text(folder.write("a", "one\r")), "one\r");
}

TEST(ReadText, SaysWhereAFileIsNoText) {
    testing::TemporaryFolder folder;
    const auto message = [&](std::string_view bytes) {
        const auto path = folder.write("a.txt", bytes);
        return message_of(ErrorKind::kData, [&] { read_text(path); });
    };
    expect_contains(message(""), "a.txt: is empty");
    expect_contains(message("\xEF\xBB\xBF"), "is empty");
    expect_contains(message("one\ntwo\n\xff"), "line 3, byte 8: 0xFF");
    expect_contains(message(std::string_view("one\n\0", 5)), "line 2, byte 4: a NUL byte");
    expect_contains(message(std::string_view("\xff\xfe\x61\x00", 4)), "UTF-16");
}

TEST(ReadText, ReadsALineOfAHundredMegabytes) {
    testing::TemporaryFolder folder;
    const std::string line(100'000'000, 'x');
    EXPECT_EQ(read_text(folder.write("a.txt", line)), line);
}

TEST(ReadDocuments, TakesFilesFoldersAndJsonLines) {
    testing::TemporaryFolder folder;
    const auto b = folder.write("b.txt", "second\r\n");
    folder.write("a.txt", "first");
    folder.write("notes.md", "not this");
    using Documents = std::vector<std::string>;
    EXPECT_EQ(read_documents(b), (Documents{"second\n"}));
    EXPECT_EQ(read_documents(folder.path()), (Documents{"first", "second\n"}));
    const auto lines =
        folder.write("c.jsonl", "\xEF\xBB\xBF{\"text\":\"x\\r\\ny\"}\r\n\n  \n{\"text\":\"z\",\"id\":1}");
    EXPECT_EQ(read_documents(lines), (Documents{"x\ny", "z"}));
}

TEST(ReadDocuments, ListsEveryBadDocument) {
    testing::TemporaryFolder folder;
    folder.write("a.txt", "");
    folder.write("b.txt", "fine");
    folder.write("c.txt", "\xff");
    const std::string files = message_of(ErrorKind::kData, [&] { read_documents(folder.path()); });
    expect_contains(files, "a.txt: is empty");
    expect_contains(files, "c.txt: line 1, byte 0");

    const auto path = folder.write("d.jsonl", "{\"text\":1}\n{\"text\":\"ok\"}\n{\"text\":\n\n[]\n{\"text\":\"\"}\n");
    const std::string lines = message_of(ErrorKind::kData, [&] { read_documents(path); });
    expect_contains(lines, "line 1: no \"text\" string");
    expect_contains(lines, "line 3: parse error");
    expect_contains(lines, "line 5: no \"text\" string");
    expect_contains(lines, "line 6: \"text\" is empty");
}

TEST(ReadDocuments, RefusesWhatHoldsNone) {
    testing::TemporaryFolder folder;
    expect_contains(message_of(ErrorKind::kData, [&] { read_documents(folder.path()); }), "no *.txt");
    const auto path = folder.write("a.jsonl", "\n\n");
    expect_contains(message_of(ErrorKind::kData, [&] { read_documents(path); }), "no document");
    expect_contains(message_of(ErrorKind::kData, [&] { read_documents(folder.write("a.json", "[]")); }), ".jsonl");
    message_of(ErrorKind::kInputOutput, [&] { read_documents(folder.path() / "none.txt"); });
}

TEST(ForEachJsonLine, LetsOtherErrorsThrough) {
    testing::TemporaryFolder folder;
    const auto path = folder.write("a.jsonl", "1\n2\n");
    std::vector<std::size_t> lines;
    for_each_json_line(path, [&](std::size_t line, const Json&) { lines.push_back(line); });
    EXPECT_EQ(lines, (std::vector<std::size_t>{1, 2}));
    message_of(ErrorKind::kInputOutput, [&] {
        for_each_json_line(path, [](std::size_t, const Json&) { fail(ErrorKind::kInputOutput, "stop"); });
    });
}

TEST(CodePoints, AreCountedAndCut) {
    const std::string text = "aé\u20AC\U0001F600z";
    EXPECT_EQ(count_code_points(text), 5u);
    EXPECT_EQ(count_code_points(""), 0u);
    EXPECT_EQ(bytes_of_code_points(text, 0), 0u);
    EXPECT_EQ(bytes_of_code_points(text, 2), 3u);
    EXPECT_EQ(bytes_of_code_points(text, 4), 10u);
    EXPECT_EQ(bytes_of_code_points(text, 99), text.size());
}

}  // namespace
}  // namespace nepenthe::io
