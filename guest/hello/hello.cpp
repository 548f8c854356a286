// Shows that a guest runs: greets, and says what it was given.
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"

namespace twofold::guest {

namespace {

/// For `bytes` more, and for what hello says of its memory.
void make_room(Line& line, std::size_t bytes) {
    constexpr std::size_t memory_text = 100;
    if (line.room() >= bytes + memory_text) return;
    write_console(line.text());
    line.clear();
}

} // namespace

int run_kernel(Arguments arguments) {
    std::uint64_t code = 0;
    Line line; // all in one: each write is an exit
    put_all(line, "hello from ", arguments[0]);
    for (Options options{arguments}; auto const argument = options.next();) {
        if (*argument == "--exit") {
            code = options.number();
        } else {
            make_room(line, argument->size());
            put_all(line, ' ', *argument);
        }
    }
    abi::LaunchInfo const& info = launch();
    make_room(line, 0);
    put_all(line, "\nmemory ", info.memory_bytes, " bytes, guest pages ",
            PageSize{info.guest_page_shift});
    if (info.host_page_shift != 0) put_all(line, ", host pages ", PageSize{info.host_page_shift});
    put(line, '\n');
    write_console(line.text());
    return static_cast<int>(code);
}

} // namespace twofold::guest
