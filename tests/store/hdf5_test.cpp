#include "store/hdf5.h"

#include "base/error.h"
#include "io/file.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

namespace nepenthe::store {
namespace {

const Json kAttributes = {
    {"seed", 7},   {"rate", 0.25},   {"flag", true}, {"config_json", "{\"a\":1}"}, {"long", std::string(100000, 'x')},
    {"empty", ""}, {"umlaut", "für"}};

float element(std::uint64_t row, std::uint64_t column) { return static_cast<float>(row * 1000 + column) * 0.5f; }

DatasetSpec labels(std::uint64_t rows, std::uint64_t rows_per_chunk, bool compress) {
    DatasetSpec spec;
    spec.name = compress ? "/labels/packed" : "/labels/plain";
    spec.shape = {rows, 17};
    spec.rows_per_chunk = rows_per_chunk;
    spec.axes = {"block", "position"};
    spec.description = "numbers";
    spec.units = "nats";
    spec.compress = compress;
    return spec;
}

void write_labels(H5Writer& writer, const DatasetSpec& spec) {
    writer.create(spec);
    writer.write_rows(spec.name, [&](std::uint64_t first, std::uint64_t rows, std::span<std::byte> out) {
        ASSERT_EQ(out.size(), rows * 17 * sizeof(float));
        for (std::uint64_t row = 0; row < rows; ++row) {
            for (std::uint64_t column = 0; column < 17; ++column) {
                const float value = element(first + row, column);
                std::memcpy(out.data() + (row * 17 + column) * sizeof value, &value, sizeof value);
            }
        }
    });
}

// A file with something of everything; returns its content digest.
std::string write_file(const std::filesystem::path& path, std::uint64_t rows) {
    H5Writer writer(*testing::world, path, "test", 1, kAttributes);
    write_labels(writer, labels(rows, 4, true));
    write_labels(writer, labels(rows, 4, false));
    const std::vector<std::uint16_t> halves{0x3f80, 0x4000};
    writer.write_small({"/halves", H5Type::kBF16, {2}, 1, {"item"}, "bfloat16", "", true},
                       std::as_bytes(std::span(halves)));
    writer.write_small({"/nothing", H5Type::kI64, {0, 5}, 1, {"a", "b"}, "no rows", "", true}, {});
    writer.write_text("/dictionary", "{\"Oz\": [\"Ur\"]}", "terms");
    writer.write_text("/blank", "", "nothing");
    writer.set_attributes({{"rate", 0.5}, {"agreement", 0.875}});
    return writer.close();
}

TEST(Hdf5, WritesWithAllRanksWhatOneReads) {
    const testing::SharedFolder folder(*testing::world);
    for (const std::uint64_t rows : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{1203}}) {
        const auto path = folder.path() / fmt::format("{}.h5", rows);
        const std::string digest = write_file(path, rows);
        const H5Reader reader(path, "test");
        EXPECT_EQ(reader.content_digest(), digest);
        EXPECT_EQ(reader.datasets(), (std::vector<std::string>{"/blank", "/dictionary", "/halves", "/labels/packed",
                                                               "/labels/plain", "/nothing"}));
        for (const std::string name : {"/labels/packed", "/labels/plain"}) {
            EXPECT_EQ(reader.shape(name), (std::vector<std::uint64_t>{rows, 17}));
            const auto values = reader.read<float>(name);
            for (std::uint64_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], element(i / 17, i % 17));
            EXPECT_EQ(reader.read<float>(name, rows - 1, 1)[3], element(rows - 1, 3));
            EXPECT_THROW(reader.read_rows(name, rows, 1), Error);
            EXPECT_THROW(reader.read<double>(name), Error);
        }
        EXPECT_EQ(reader.type("/halves"), H5Type::kBF16);
        EXPECT_EQ(reader.read<std::uint16_t>("/halves"), (std::vector<std::uint16_t>{0x3f80, 0x4000}));
        EXPECT_TRUE(reader.read<std::int64_t>("/nothing").empty());
        EXPECT_EQ(reader.read_text("/dictionary"), "{\"Oz\": [\"Ur\"]}");
        EXPECT_EQ(reader.read_text("/blank"), "");
        const Json attributes = reader.attributes();
        for (const auto& [name, value] : kAttributes.items())
            EXPECT_EQ(attributes[name], name == "rate" ? Json(0.5) : value) << name;
        EXPECT_EQ(attributes["agreement"], 0.875);
    }
}

TEST(Hdf5, DigestDependsOnContentOnly) {
    const testing::SharedFolder folder(*testing::world);
    const std::string whole = write_file(folder.path() / "all.h5", 203);
    if (testing::world->is_root()) std::filesystem::create_directory(folder.path() / "other");
    testing::world->barrier();
    EXPECT_EQ(write_file(folder.path() / "other" / "again.h5", 203), whole);
    EXPECT_NE(write_file(folder.path() / "more.h5", 204), whole);
    // Recorded on one rank; this test runs on 1 to 4.
    EXPECT_EQ(whole, "b258b04cad1b372fb5dfbbc558825e252600cd876b6c2ac858b43ce70358f385");
}

TEST(Hdf5, AThrowingFillEndsAlikeOnAllRanks) {
    const testing::SharedFolder folder(*testing::world);
    H5Writer writer(*testing::world, folder.path() / "x.h5", "test", 1, {});
    writer.create(labels(100, 4, true));
    try {
        writer.write_rows("/labels/packed", [](std::uint64_t, std::uint64_t, std::span<std::byte>) {
            if (testing::world->rank() == testing::world->size() - 1) fail(ErrorKind::kData, "bad row");
        });
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
    }
}

TEST(Hdf5, SaysWhatDoesNotFit) {
    const testing::SharedFolder folder(*testing::world);
    H5Writer writer(*testing::world, folder.path() / "x.h5", "test", 1, {});
    DatasetSpec huge = labels(std::uint64_t{1} << 45, 1024, false);
    try {
        writer.create(huge);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kDoesNotFit);
    }
}

TEST(Hdf5, AnIncompleteFileIsNotClosedAsWhole) {
    const testing::SharedFolder folder(*testing::world);
    H5Writer writer(*testing::world, folder.path() / "x.h5", "test", 1, {});
    writer.create(labels(100, 4, true));
    EXPECT_THROW(writer.close(), Error);
}

TEST(Hdf5, RefusesFlippedBitsAndCuts) {
    const testing::SharedFolder folder(*testing::world);
    const auto path = folder.path() / "x.h5";
    const std::string digest = write_file(path, 60);
    if (!testing::world->is_root()) return;
    const std::string whole = io::read_file(path);
    const auto survives = [&](std::string_view text) {
        const auto altered = folder.path() / "altered.h5";
        std::ofstream(altered, std::ios::binary | std::ios::trunc)
            .write(text.data(), static_cast<std::streamsize>(text.size()));
        try {
            return H5Reader(altered, "test").content_digest() == digest;
        } catch (const Error&) {
            return false;
        }
    };
    ASSERT_TRUE(survives(whole));
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += 4096)
        EXPECT_FALSE(survives(std::string_view(whole).substr(0, bytes)));
    EXPECT_FALSE(survives(std::string_view(whole).substr(0, whole.size() - 1)));
    // A flipped bit either is refused, or hits what no reader looks at (gaps, and the two volatile attributes).
    int harmless = 0, flips = 0;
    for (std::size_t byte = 0; byte < whole.size(); byte += 61) {
        std::string flipped = whole;
        flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << (byte % 8)));
        harmless += survives(flipped) ? 1 : 0;
        ++flips;
    }
    RecordProperty("harmless", harmless);
    RecordProperty("flips", flips);
}

}  // namespace
}  // namespace nepenthe::store
