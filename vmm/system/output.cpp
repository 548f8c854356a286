#include "system/output.hpp"

#include "system/failure.hpp"
#include "system/file_descriptor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace twofold::vmm {

void Output::write(std::string_view text) {
    int const error = write_all(descriptor_, std::as_bytes(std::span{text}));
    if (error == EPIPE) throw OutputClosed{};
    if (error != 0) throw SystemFailure{fmt::format("can't write to {}", name_), error};
}

bool Output::is_terminal() const { return isatty(descriptor_) == 1; }

bool Output::wants_colour() const {
    char const* const no_colour = std::getenv("NO_COLOR");
    char const* const terminal = std::getenv("TERM");
    if (no_colour != nullptr && *no_colour != '\0') return false;
    return is_terminal() && terminal != nullptr && std::string_view{terminal} != "dumb";
}

Outputs Outputs::standard() {
    return {Output{STDOUT_FILENO, "standard output"}, Output{STDERR_FILENO, "standard error"}};
}

} // namespace twofold::vmm
