// A guest's console made safe for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace twofold::vmm {

/// Lets printable text through, and newline, tab and carriage return; all else becomes visible as
/// \xNN, byte by byte: control characters, what is not UTF-8, and the characters that change the
/// direction of writing. So no guest can move the cursor or write to the terminal's title. Takes
/// bytes in pieces of any size.
class ConsoleFilter {
  public:
    /// With `raw`, everything passes as it is.
    explicit ConsoleFilter(bool raw = false) : raw_(raw) {}

    [[nodiscard]] std::string feed(std::string_view bytes);
    /// The stream has ended: what was held back as the start of a longer sequence.
    [[nodiscard]] std::string finish();

  private:
    bool raw_;
    /// The start of a sequence whose rest has not come yet.
    std::string held_;
};

/// All of `text` as a filter shows it: for messages that quote what others wrote.
std::string visible(std::string_view text);

} // namespace twofold::vmm
