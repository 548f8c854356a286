// Standard output and standard error.
#pragma once

#include <string_view>

namespace twofold::vmm {

/// Writes straight through, and says when it can't.
class Output {
  public:
    /// `name` as it stands in an error message.
    Output(int descriptor, std::string_view name) : descriptor_(descriptor), name_(name) {}

    /// Throws OutputClosed when nobody reads, SystemFailure for everything else.
    void write(std::string_view text);

    [[nodiscard]] bool is_terminal() const;
    /// Colour is for terminals, and not where NO_COLOR is set or TERM is "dumb".
    [[nodiscard]] bool wants_colour() const;

  private:
    int descriptor_;
    std::string_view name_;
};

/// The two streams of a command.
struct Outputs {
    Output out;
    Output err;

    static Outputs standard();
};

} // namespace twofold::vmm
