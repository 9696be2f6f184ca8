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

using Texts = std::vector<std::string>;

TEST(ReadDocuments, TakesFilesFoldersAndJsonLines) {
    testing::TemporaryFolder folder;
    const auto b = folder.write("b.txt", "second\r\n");
    folder.write("a.txt", "first");
    folder.write("notes.md", "not this");
    EXPECT_EQ(read_documents({b}).texts, (Texts{"second\n"}));
    EXPECT_EQ(read_documents({folder.path()}).texts, (Texts{"first", "second\n"}));
    const auto lines =
        folder.write("c.jsonl", "\xEF\xBB\xBF{\"text\":\"x\\r\\ny\"}\r\n\n  \n{\"text\":\"z\",\"id\":1}");
    EXPECT_EQ(read_documents({lines}).texts, (Texts{"x\ny", "z"}));
    EXPECT_EQ(read_documents({lines, b}).texts, (Texts{"x\ny", "z", "second\n"}));
}

TEST(ReadDocuments, PassesOverBlankOnesAndCountsThem) {
    testing::TemporaryFolder folder;
    const auto rows = folder.write("rows.jsonl",
                                   "{\"text\":\"\"}\n{\"text\":\" = A = \\n\"}\n{\"text\":null}\n"
                                   "{\"text\":\" \\n\\t\"}\n{\"text\":\"\u00a0\u3000\u200b\"}\n{\"text\":\"b\"}\n");
    const Documents of_rows = read_documents({rows});
    EXPECT_EQ(of_rows.texts, (Texts{" = A = \n", "b"}));
    EXPECT_EQ(of_rows.blank, 4);
    const auto texts = folder.path() / "texts";
    std::filesystem::create_directory(texts);
    folder.write("texts/a.txt", "");
    folder.write("texts/b.txt", "\xEF\xBB\xBF");
    folder.write("texts/c.txt", " \r\n");
    folder.write("texts/d.txt", "d");
    EXPECT_EQ(read_documents({texts}).texts, (Texts{"d"}));
    EXPECT_EQ(read_documents({texts, rows}).blank, 7);
    EXPECT_EQ(read_documents({folder.path() / "texts/a.txt", rows}).blank, 5);
}

TEST(ReadDocuments, HoldsEveryTextToTheSameRules) {
    testing::TemporaryFolder folder;
    const auto lines = [&](std::string_view text) { return folder.write("a.jsonl", text); };
    const auto message = [&](const std::filesystem::path& path) {
        return message_of(ErrorKind::kData, [&] { read_documents({path}); });
    };
    EXPECT_EQ(read_documents({lines("{\"text\":\"\\uFEFFx\\r\\ny\"}")}).texts, (Texts{"x\ny"}));
    EXPECT_EQ(read_documents({lines("{\"text\":\"a\"}\n\xEF\xBB\xBF{\"text\":\"b\"}")}).texts, (Texts{"a", "b"}));
    expect_contains(message(lines("{\"text\":\"ok\"}\n{\"text\":\"a\\u0000b\"}")),
                    "line 2: line 1, byte 1: a NUL byte");
    expect_contains(message(lines("{\"text\":\"a\\ud800b\"}\n")), "line 1: ");
    expect_contains(message(folder.write("b.txt", "a\xed\xa0\x80")), "0xED is not UTF-8");
    expect_contains(message(lines(std::string_view("\xff\xfe{\x00", 4))), "UTF-16");
}

TEST(ReadDocuments, ListsEveryBadDocument) {
    testing::TemporaryFolder folder;
    folder.write("a.txt", std::string_view("\0", 1));
    folder.write("b.txt", "fine");
    folder.write("c.txt", "\xff");
    const std::string files = message_of(ErrorKind::kData, [&] { read_documents({folder.path()}); });
    expect_contains(files, "a.txt: line 1, byte 0: a NUL byte");
    expect_contains(files, "c.txt: line 1, byte 0");

    const auto path = folder.write("d.jsonl", "{\"text\":1}\n{\"text\":\"ok\"}\n{\"text\":\n\n[]\n{\"txt\":\"\"}\n");
    const std::string lines = message_of(ErrorKind::kData, [&] { read_documents({path, folder.path() / "c.txt"}); });
    expect_contains(lines, "line 1: no \"text\" string");
    expect_contains(lines, "line 3: parse error");
    expect_contains(lines, "line 5: no \"text\" string");
    expect_contains(lines, "line 6: no \"text\" string");
    expect_contains(lines, "c.txt: line 1, byte 0");
}

TEST(ReadDocuments, RefusesWhatHoldsNone) {
    testing::TemporaryFolder folder;
    const auto message = [&](const std::filesystem::path& path) {
        return message_of(ErrorKind::kData, [&] { read_documents({path}); });
    };
    expect_contains(message(folder.path()), "no *.txt");
    expect_contains(message(folder.write("a.jsonl", "\n\n")), "not one document");
    expect_contains(message(folder.write("b.jsonl", "{\"text\":\"\"}\n{\"text\":\" \"}\n")),
                    "all 2 documents are empty");
    expect_contains(message(folder.write("c.txt", "")), "c.txt: there is no text in it");
    expect_contains(message(folder.write("a.json", "[]")), ".jsonl");
    message_of(ErrorKind::kInputOutput, [&] { read_documents({folder.path() / "none.txt"}); });
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
