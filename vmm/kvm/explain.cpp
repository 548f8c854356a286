#include "kvm/explain.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace twofold::vmm::kvm {

namespace {

std::string_view remark_on_call(std::string_view call, int error_number) {
    switch (error_number) {
    case ENOTTY: return "this is not KVM's device, or a KVM that is too old to know the call";
    case ENOMEM: return "the kernel has no memory left for it: end other machines";
    case EMFILE:
    case ENFILE: return "too many descriptors are open: raise `ulimit -n`";
    case EBUSY: return "another hypervisor holds the processor's virtualization: unload its module";
    case EPERM: return "the kernel forbids it to this user";
    case EEXIST:
        return call == "KVM_CREATE_VCPU" ? "the processor is there already"
                                         : "slots of memory must not overlap";
    case EINVAL:
        return call == "KVM_CREATE_VCPU"
                   ? "more processors than this kernel gives one machine"
                   : "this kernel does not know such a request: it may be too old";
    case EFAULT: return "memory of the machine could not be accessed";
    default: return "";
    }
}

} // namespace

std::string explain_call(std::string_view call, int error_number) {
    auto const remark = remark_on_call(call, error_number);
    return fmt::format("KVM refused {}: {}{}{}", call, std::strerror(error_number),
                       remark.empty() ? "" : "; ", remark);
}

std::string explain_open(std::string_view path, int error_number) {
    std::string_view remark;
    switch (error_number) {
    case ENOENT:
        remark = "no KVM here: load its module (modprobe kvm_intel or kvm_amd), switch "
                 "virtualization on in the firmware, or use --engine bochs";
        break;
    case EACCES:
    case EPERM:
        remark = "this user may not use KVM: join the group that owns the device (usermod -aG "
                 "kvm USER), or use --engine bochs";
        break;
    case ENODEV:
    case ENXIO:
        remark = "the device is there, but no module of KVM stands behind it: modprobe kvm_intel "
                 "or kvm_amd; or use --engine bochs";
        break;
    default: remark = "--engine bochs works without KVM"; break;
    }
    return fmt::format("can't open {}: {}; {}", path, std::strerror(error_number), remark);
}

int call(int descriptor, unsigned long request, void* argument, std::string_view name) {
    for (;;) {
        int const result = ioctl(descriptor, request, argument);
        if (result >= 0) return result;
        if (errno != EINTR) throw Failure{explain_call(name, errno)};
    }
}

int call(int descriptor, unsigned long request, unsigned long argument, std::string_view name) {
    return call(descriptor, request, reinterpret_cast<void*>(argument), name);
}

} // namespace twofold::vmm::kvm
