// Shows that a guest runs: greets, and says what it was given.
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"

namespace twofold::guest {

int run_kernel(Arguments arguments) {
    std::uint64_t code = 0;
    print("hello from ", arguments[0]);
    for (Options options{arguments}; auto const argument = options.next();) {
        if (*argument == "--exit") {
            code = options.number();
        } else {
            print(' ', *argument);
        }
    }
    abi::LaunchInfo const& info = launch();
    print("\nmemory ", info.memory_bytes, " bytes, guest pages ", PageSize{info.guest_page_shift});
    if (info.host_page_shift != 0) print(", host pages ", PageSize{info.host_page_shift});
    print('\n');
    return static_cast<int>(code);
}

} // namespace twofold::guest
