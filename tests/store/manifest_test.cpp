#include "store/manifest.h"

#include "base/error.h"
#include "base/hash.h"
#include "expected_errors.h"
#include "io/file.h"
#include "store/artefact.h"
#include "store/lock.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::store {
namespace {

using testing::error_of;

Json sealed_manifest() {
    Json manifest = {{"format", kManifestFormat}, {"format_version", kManifestVersion}, {"summary", "…"}, {"ranks", 2}};
    manifest["files"] = {{"a.bin", {{"bytes", 3}, {"sha256", sha256_hex("abc")}}}};
    manifest["digest"] = content_digest(manifest["files"]);
    seal(manifest);
    return manifest;
}

TEST(Manifest, AcceptsItsOwnSealAndNoChange) {
    const Json honest = sealed_manifest();
    EXPECT_NO_THROW(check_manifest(honest, "m"));
    for (const auto& [name, value] : honest.items()) {
        Json changed = honest;
        changed[name] = "something else";
        EXPECT_EQ(error_of([&] { check_manifest(changed, "m"); }).kind(), ErrorKind::kData) << name;
        changed.erase(name);
        EXPECT_EQ(error_of([&] { check_manifest(changed, "m"); }).kind(), ErrorKind::kData) << name;
    }
}

TEST(Manifest, RefusesPathsThatLeaveTheFolder) {
    using namespace std::string_literals;
    for (const std::string& name : {"../x"s, "/etc/passwd"s, "a/../../b"s, ""s, "./x"s, "a\0b"s}) {
        Json manifest = sealed_manifest();
        manifest["files"][name] = {{"bytes", 1}, {"sha256", "00"}};
        manifest["digest"] = content_digest(manifest["files"]);
        seal(manifest);
        EXPECT_EQ(error_of([&] { check_manifest(manifest, "m"); }).kind(), ErrorKind::kData) << name;
    }
}

TEST(Manifest, DigestIsOfContentNotOfLayout) {
    const Json files = {{"a.h5", {{"bytes", 3}, {"sha256", "11"}, {"content", "cc"}}}};
    const Json other = {{"a.h5", {{"bytes", 4}, {"sha256", "22"}, {"content", "cc"}}}};
    EXPECT_EQ(content_digest(files), content_digest(other));
}

class OpenArtefact : public ::testing::Test {
  protected:
    void SetUp() override {
        write("a.bin", "abc");
        write(kManifestName, sealed_manifest().dump());
    }
    void write(const std::string& name, const std::string& text) const { std::ofstream(folder_.path() / name) << text; }

    testing::TemporaryFolder folder_;
};

TEST_F(OpenArtefact, ReadsAWholeOne) {
    EXPECT_EQ(open_artefact(folder_.path(), true).digest(), sealed_manifest()["digest"].get<std::string>());
}

TEST_F(OpenArtefact, RefusesMissingCutAndAlteredFiles) {
    write("a.bin", "abd");
    EXPECT_NO_THROW(open_artefact(folder_.path()));
    EXPECT_EQ(error_of([&] { open_artefact(folder_.path(), true); }).kind(), ErrorKind::kData);
    write("a.bin", "ab");
    EXPECT_EQ(error_of([&] { open_artefact(folder_.path()); }).kind(), ErrorKind::kData);
    std::filesystem::remove(folder_.path() / "a.bin");
    EXPECT_EQ(error_of([&] { open_artefact(folder_.path()); }).kind(), ErrorKind::kData);
    std::filesystem::create_symlink("/etc/hostname", folder_.path() / "a.bin");
    EXPECT_EQ(error_of([&] { open_artefact(folder_.path()); }).kind(), ErrorKind::kData);
    EXPECT_EQ(error_of([&] { open_artefact(folder_.path() / "nowhere"); }).kind(), ErrorKind::kData);
}

TEST_F(OpenArtefact, RefusesEveryCutOfTheManifest) {
    const std::string text = sealed_manifest().dump();
    for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
        write(kManifestName, text.substr(0, bytes));
        EXPECT_EQ(error_of([&] { open_artefact(folder_.path()); }).kind(), ErrorKind::kData) << bytes;
    }
}

}  // namespace
}  // namespace nepenthe::store
