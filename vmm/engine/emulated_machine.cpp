#include "engine/emulated_machine.hpp"

#include "image/bundle.hpp"
#include "image/disk_image.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <string>

namespace twofold::vmm {

std::vector<std::byte> image_for(LaunchPlan const& plan, std::filesystem::path const& hypervisor,
                                 std::uint64_t ticks_per_second) {
    constexpr std::uint64_t largest_hypervisor = std::uint64_t{64} << 20;
    return make_disk_image(read_file(hypervisor, largest_hypervisor), hypervisor,
                           make_bundle(plan, ticks_per_second));
}

std::chrono::milliseconds wall_clock_limit(LaunchPlan const& plan) {
    constexpr std::chrono::seconds start_and_stop{15};
    std::chrono::milliseconds sum{0};
    for (auto const& guest : plan.guests) {
        if (guest.time_limit.count() == 0) return guest.time_limit;
        sum += guest.time_limit;
    }
    return 3 * sum + start_and_stop;
}

void check_machine_memory(std::uint64_t bytes, std::uint64_t largest) {
    if (bytes > largest) {
        throw UsageError{fmt::format("this needs a machine of {} MiB of memory, and the engine can "
                                     "be given at most {} MiB: choose a smaller --memory",
                                     bytes >> 20, largest >> 20)};
    }
    if (auto const left = available_memory(); left && bytes > *left) {
        throw Failure{fmt::format("this needs a machine of {} MiB of memory, and only {} MiB are "
                                  "available here: choose a smaller --memory",
                                  bytes >> 20, *left >> 20)};
    }
}

std::optional<std::uint64_t> available_memory() {
    std::ifstream information{"/proc/meminfo"};
    std::string key;
    std::string unit;
    std::uint64_t kibibytes = 0;
    while (information >> key >> kibibytes) {
        if (key == "MemAvailable:") return kibibytes << 10;
        std::getline(information, unit);
    }
    return std::nullopt;
}

} // namespace twofold::vmm
