#include "io/safetensors.h"

#include "expected_errors.h"
#include "temporary_folder.h"

#include <cstring>

namespace nepenthe::io {
namespace {

using testing::expect_contains;
using testing::message_of;

std::string little_endian(std::uint64_t value) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
    return bytes;
}

std::string with_header(const std::string& header, std::string_view data = "") {
    return little_endian(header.size()) + header + std::string(data);
}

const std::string kTwoFloats = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(Safetensors, ReadsWhatItWrote) {
    testing::TemporaryFolder folder;
    const std::string a = "aaaabbbb", b = "cc";
    const auto path = folder.path() / "x.safetensors";
    const std::string digest = write_safetensors(path,
                                                 {{"z.first", DType::kF32, {1, 2}, as_bytes(a)},
                                                  {"empty", DType::kI64, {3, 0}, {}},
                                                  {"a \"second\"", DType::kBF16, {}, as_bytes(b)}},
                                                 {{"format", "pt"}});
    EXPECT_EQ(digest, file_digest(path));

    const SafetensorsFile file(path);
    EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
    EXPECT_EQ(file.order(), (std::vector<std::string>{"z.first", "empty", "a \"second\""}));
    const TensorView& second = file.tensors().at("a \"second\"");
    EXPECT_EQ(second.dtype, DType::kBF16);
    EXPECT_TRUE(second.shape.empty());
    EXPECT_EQ(std::memcmp(second.bytes.data(), b.data(), b.size()), 0);
    EXPECT_EQ(file.tensors().at("empty").shape, (std::vector<std::int64_t>{3, 0}));
    EXPECT_EQ(read_file(path).substr(0, 8)[0] % 8, 0);
}

struct Malformed {
    const char* name;
    std::string bytes;
    const char* message;
};

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

std::vector<Malformed> malformed_files() {
    const std::string data(8, 'd');
    const auto f32 = [&](const std::string& shape, const std::string& offsets) {
        return with_header(tensor("\"F32\"", shape, offsets), data);
    };
    return {
        {"no bytes", "", "begins with 8 bytes"},
        {"seven bytes", std::string(7, '\0'), "begins with 8 bytes"},
        {"length 0", little_endian(0) + data, "does not begin with '{'"},
        {"length 2^63", little_endian(1ull << 63) + data, "claims 9223372036854775808 bytes"},
        {"length 2^64-1", little_endian(~0ull) + data, "claims"},
        {"length past the end", little_endian(100) + "{}", "the file ends after 2"},
        {"length over the cap", little_endian(100'000'001) + "{}", "the limit is 100000000"},
        {"leading space", with_header(" {}"), "does not begin with '{'"},
        {"array", with_header("[]"), "does not begin with '{'"},
        {"unfinished", with_header("{\"a\":"), "parse error"},
        {"trailing garbage", with_header("{} x"), "parse error"},
        {"trailing NUL", with_header(std::string("{}\0x", 4)), "NUL"},
        {"bad UTF-8", with_header("{\"\xff\":{}}"), "UTF-8"},
        {"deep", with_header("{\"a\":" + std::string(1'000'000, '[')), "deeper"},
        {"duplicate tensor", with_header(R"({"w":{},"w":{}})"), "duplicate key"},
        {"duplicate key", with_header(R"({"w":{"dtype":"F32","dtype":"F32"}})"), "duplicate key"},
        {"tensor is a number", with_header(R"({"w":1})"), "not an object"},
        {"no fields", with_header(R"({"w":{}})"), "3 problems"},
        {"unknown key", with_header(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", data),
         "unknown key"},
        {"unknown dtype", with_header(tensor("\"F8_E4M3\"", "[8]", "[0,8]"), data), "F8_E4M3"},
        {"dtype number", with_header(tensor("1", "[2]", "[0,8]"), data), "dtype"},
        {"dtype mismatch", with_header(tensor("\"F64\"", "[2]", "[0,8]"), data), "need 16 bytes"},
        {"negative size", f32("[-2]", "[0,8]"), "not a size"},
        {"float size", f32("[2.0]", "[0,8]"), "not a size"},
        {"size 2^63", f32("[9223372036854775808]", "[0,8]"), "not a size"},
        {"string size", f32("[\"2\"]", "[0,8]"), "not a size"},
        {"shape is no array", f32("2", "[0,8]"), "shape"},
        {"product overflow", f32("[4294967296,4294967296]", "[0,8]"), "overflows"},
        {"product wraps to the size", f32("[9223372036854775807,2]", "[0,8]"), "overflows"},
        {"negative offset", f32("[2]", "[-1,8]"), "data_offsets"},
        {"float offset", f32("[2]", "[0,8.0]"), "data_offsets"},
        {"huge offset", f32("[2]", "[0,1e400]"), "number overflow"},
        {"string offset", f32("[2]", "[\"0\",8]"), "data_offsets"},
        {"one offset", f32("[2]", "[8]"), "data_offsets"},
        {"three offsets", f32("[2]", "[0,8,8]"), "data_offsets"},
        {"begin past end", f32("[2]", "[8,0]"), "do not lie"},
        {"past the file", f32("[3]", "[0,12]"), "do not lie"},
        {"offset 2^64-1", f32("[2]", "[0,18446744073709551615]"), "do not lie"},
        {"hole at the start", f32("[1]", "[4,8]"), "a hole"},
        {"bytes left over", f32("[1]", "[0,4]"), "the tensors end"},
        {"overlap",
         with_header(
             R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
             data),
         "an overlap"},
        {"same range twice",
         with_header(
             R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
             data),
         "an overlap"},
        {"metadata number", with_header(R"({"__metadata__":{"a":1}})"), "not a string"},
        {"metadata array", with_header(R"({"__metadata__":[]})"), "not an object"},
        {"a megabyte of name", with_header("{\"" + std::string(1 << 20, 'n') + "\":1}"), "(1048576 bytes)"},
    };
}

TEST(Safetensors, RefusesEveryMalformedFileWithItsReason) {
    testing::TemporaryFolder folder;
    for (const Malformed& malformed : malformed_files()) {
        SCOPED_TRACE(malformed.name);
        const auto path = folder.write("x.safetensors", malformed.bytes);
        const std::string message = message_of(ErrorKind::kData, [&] { SafetensorsFile file(path); });
        expect_contains(message, malformed.message);
        expect_contains(message, "x.safetensors");
        EXPECT_LT(message.size(), 2000u);
    }
}

TEST(Safetensors, AcceptsTheLegalOddities) {
    testing::TemporaryFolder folder;
    const std::string data(8, 'd');
    for (
        const std::string& bytes : {
            with_header("{}"),
            with_header("{}      "),
            with_header(kTwoFloats + "   ", data),
            with_header(tensor("\"F32\"", "[0,9223372036854775807,9223372036854775807]", "[0,0]")),
            with_header(tensor("\"F64\"", "[]", "[0,8]"), data),
            with_header(
                R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                data),
        }) {
        EXPECT_NO_THROW(SafetensorsFile file(folder.write("x.safetensors", bytes))) << bytes.substr(8);
    }
}

TEST(Safetensors, RefusesATruncationAtEveryByte) {
    testing::TemporaryFolder folder;
    const std::string whole = with_header(kTwoFloats, "12345678");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto path = folder.write("x.safetensors", whole.substr(0, size));
        message_of(ErrorKind::kData, [&] { SafetensorsFile file(path); });
    }
    EXPECT_NO_THROW(SafetensorsFile file(folder.write("x.safetensors", whole)));
}

TEST(Safetensors, RefusesASparseGiantByItsHeader) {
    testing::TemporaryFolder folder;
    const auto path = folder.write("x.safetensors", with_header(kTwoFloats));
    std::filesystem::resize_file(path, 5ull << 40);
    expect_contains(message_of(ErrorKind::kData, [&] { SafetensorsFile file(path); }), "the file at 5497558138880");
}

TEST(Safetensors, ReadsATensorBeyondTwoToThe31Elements) {
    testing::TemporaryFolder folder;
    const std::uint64_t elements = (1ull << 31) + 1;
    const std::string header =
        with_header(tensor("\"F32\"", fmt::format("[{}]", elements), fmt::format("[0,{}]", 4 * elements)));
    const auto path = folder.write("x.safetensors", header);
    std::filesystem::resize_file(path, header.size() + 4 * elements);
    EXPECT_EQ(SafetensorsFile(path).tensors().at("w").bytes.size(), 4 * elements);
}

TEST(Safetensors, ReadsAHundredThousandTensors) {
    constexpr std::size_t kTensors = 100'000;
    testing::TemporaryFolder folder;
    std::vector<TensorToWrite> tensors;
    for (std::size_t i = 0; i < kTensors; ++i)
        tensors.push_back({fmt::format("t{}", i), DType::kU8, {1}, as_bytes("x")});
    const auto path = folder.path() / "x.safetensors";
    write_safetensors(path, tensors, {});
    const SafetensorsFile file(path);
    ASSERT_EQ(file.order().size(), kTensors);
    for (std::size_t i = 0; i < kTensors; ++i) ASSERT_EQ(file.order()[i], tensors[i].name);
}

TEST(Safetensors, LeaksNoDescriptorByFailing) {
    const auto descriptors = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                             std::filesystem::directory_iterator());
    };
    testing::TemporaryFolder folder;
    const auto path = folder.write("model.safetensors", "no");
    const auto before = descriptors();
    for (int i = 0; i < 1000; ++i) message_of(ErrorKind::kData, [&] { open_checkpoint(folder.path()); });
    EXPECT_EQ(descriptors(), before);
}

TEST(Safetensors, ListsEveryProblemAtOnce) {
    testing::TemporaryFolder folder;
    const auto path = folder.write(
        "x.safetensors",
        with_header(
            R"({"a":{"dtype":"F3","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}})",
            "1234"));
    const std::string message = message_of(ErrorKind::kData, [&] { SafetensorsFile file(path); });
    expect_contains(message, "tensor \"a\"");
    expect_contains(message, "tensor \"b\"");
}

}  // namespace
}  // namespace nepenthe::io
