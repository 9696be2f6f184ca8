// What h5py makes of our files, and we of files that h5py made to deceive us.

#include "base/error.h"
#include "dist/comm.h"
#include "store/hdf5.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

namespace nepenthe::store {
namespace {

int run_python(const std::string& action, const std::filesystem::path& path) {
    const std::string command = fmt::format("'{}' '{}/tests/golden/hdf5_files.py' {} '{}'", NEPENTHE_PYTHON,
                                            NEPENTHE_SOURCE_DIR, action, path.string());
    return std::system(command.c_str());
}

// MPI starts once a program, and only the writer needs it.
class MpiEnvironment : public ::testing::Environment {
  public:
    void SetUp() override { session_ = std::make_unique<dist::Session>(nullptr, nullptr); }
    void TearDown() override { session_.reset(); }
    const dist::Comm& world() const { return session_->world(); }

  private:
    std::unique_ptr<dist::Session> session_;
};

auto* const environment = dynamic_cast<MpiEnvironment*>(::testing::AddGlobalTestEnvironment(new MpiEnvironment));

class H5py : public ::testing::Test {
  protected:
    testing::TemporaryFolder folder_;
};

TEST_F(H5py, ReadsOurFiles) {
    const auto path = folder_.path() / "ours.h5";
    H5Writer writer(environment->world(), path, "ours", 1,
                    {{"seed", 7}, {"rate", 0.25}, {"flag", true}, {"umlaut", "für"}});
    const std::vector<float> values{0, 0.5f, 1, 1.5f, 2, 2.5f};
    writer.write_small({"/group/values", H5Type::kF32, {3, 2}, 1, {"row", "column"}, "halves", "nats", true},
                       std::as_bytes(std::span(values)));
    const std::vector<std::uint16_t> halves{0x3f80, 0x4000};
    writer.write_small({"/halves", H5Type::kBF16, {2}, 1, {"item"}, "bfloat16", "", true},
                       std::as_bytes(std::span(halves)));
    writer.write_text("/text", "für alle", "a text");
    writer.close();
    EXPECT_EQ(run_python("check", path), 0);
}

TEST_F(H5py, IsReadByUs) {
    ASSERT_EQ(run_python("honest", folder_.path() / "theirs.h5"), 0);
    const H5Reader reader(folder_.path() / "theirs.h5", "theirs");
    EXPECT_EQ(reader.read<std::int32_t>("/values"), (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5}));
}

class Hostile : public H5py, public ::testing::WithParamInterface<const char*> {};

TEST_P(Hostile, IsRefused) {
    const auto path = folder_.path() / "hostile.h5";
    ASSERT_EQ(run_python(GetParam(), path), 0);
    try {
        const H5Reader reader(path, "theirs");
        ADD_FAILURE() << "was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
    }
}

INSTANTIATE_TEST_SUITE_P(Files, Hostile,
                         ::testing::Values("external_link", "soft_link", "external_storage", "virtual",
                                           "unknown_filter", "huge_extent", "unwritten_chunks", "compound",
                                           "variable_text", "named_type", "other_format", "not_hdf5",
                                           "format_is_a_number", "scalar", "big_endian"),
                         [](const auto& hostile) { return std::string(hostile.param); });

}  // namespace
}  // namespace nepenthe::store
