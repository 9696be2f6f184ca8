#pragma once
// A checkpoint of the golden models, changed by a test.

#include "base/error.h"
#include "io/file.h"
#include "model/golden_case.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::model {

// The tensors of a golden model, to be changed and written as a checkpoint of its own.
class EditableCheckpoint {
  public:
    explicit EditableCheckpoint(const std::string& name) : source_(golden_folder(name) / "model.safetensors") {
        for (const std::string& tensor : source_.order()) {
            const io::TensorView& view = source_.tensors().at(tensor);
            tensors.push_back({tensor, view.dtype, view.shape, view.bytes});
        }
        std::filesystem::copy_file(golden_folder(name) / "config.json", folder.path() / "config.json");
    }
    io::TensorToWrite& at(const std::string& name) {
        return *std::ranges::find(tensors, name, &io::TensorToWrite::name);
    }
    void write() { io::write_safetensors(folder.path() / "model.safetensors", tensors, {{"format", "pt"}}); }
    std::string refusal() {
        write();
        try {
            Decoder::load(folder.path(), Compute::kFloat32);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kData);
            return error.what();
        }
        return "";
    }
    std::vector<io::TensorToWrite> tensors;
    nepenthe::testing::TemporaryFolder folder;

  private:
    io::SafetensorsFile source_;
};

}  // namespace nepenthe::model
