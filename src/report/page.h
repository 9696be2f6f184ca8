#pragma once
// An HTML page that stands alone: headings, paragraphs, tables and inline SVG, no script, nothing loaded from
// elsewhere.

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::report {

class Page {
  public:
    explicit Page(std::string_view title);

    void heading(std::string_view text);
    void paragraph(std::string_view text);
    // Cells of columns from `numbers_from` on are set as numbers, flush right.
    void table(const std::vector<std::string>& columns, const std::vector<std::vector<std::string>>& rows,
               std::size_t numbers_from);
    // An SVG document, as it is.
    void figure(std::string_view svg);

    // The whole document; equal content gives equal bytes.
    std::string finish() const;

  private:
    std::string title_, body_;
};

}  // namespace nepenthe::report
