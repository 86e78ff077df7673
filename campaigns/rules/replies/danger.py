"""Cries for help in replies: water, fire, illness, violence, people trapped, lost or dying, in any kind of campaign (rules and data).

Recall before precision: a reply is a cry if one phrase of `STRONG` stands in it, or phrases of two different groups of `WEAK`. What is only
said (`HARMLESS`, "cười chết") is taken out before. A word written with accents matches only itself, one without accents any ("chay": cháy, chạy).
`a/b` is either word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product

from campaigns.rules.replies.words import Phrases, read_keystrokes, unaccent_word

HARMLESS = """
    máy/app/điện/đt/mạng/pin/sim/link/wifi/nguồn chết | điện thoại chết | chết máy/pin/app/mạng/cười/mệt/cha/mẹ/quên/thật/rồi/bà/lên/mê | chết mẹ mày | cười/nóng/mệt/chán/buồn/đói/lạnh/lo/thèm/sợ chết | vợ ơi | vo oi | còn đang chạy | đang chạy xe | chết vì nóng/lạnh/đói/mệt/buồn | sắp chết vì_nóng/vì_mệt/vì_đói/đói/nóng | hay ngất | buồn/sợ/mệt/đói muốn chết | sống chết | chết sống
    chết thì chôn/thôi | thà chết | mới chết | nào chết | có chết không/đâu/hông | chết tiệt | chết dở | chết già/chết/trẻ | đến chết | chết cũng ở/không | ai chết | chết vì tiêm | tôi chết rồi hãy
    cháy túi/hàng/pin/máy/show/deadline/màn | màn hình cháy | chưa cháy nhà | phòng cháy | chạy lụt/lũ/bão/xe/chợ/ăn/app/show/hàng/pin/được/ngon/ổn/vô/về/đi/lên/qua | đang/bị chạy xe | đánh máy/chữ/dấu/giá/răng/bắt/bài/liều/số
    nước mắm/ngoài/ta/mình/uống/sạch/ngọt/nào/mắt/đá/lọc | nước còn xa/ngoài/dưới/lâu | nước chưa | nước mới | nước rút | nước xuống | nước có/không | nước đã_rút/đang_rút | khi/chừng/bao/lúc nào/giờ nước | khi mô_nước | nước lên/vô/vào/tới chưa/không/hông/nựa_không/nữa_không/đâu/mô | nước tới_đâu/tới_mô | nước vào thì/là/nhà_thì | lũ về_chưa/về_không | lũ lên_không | vùng lũ | xã bên | bên kia_xã | nghe nói | nghe đâu | còn sạt_lở | sạt lở_nữa/nữa | tàu thuyền_neo | nước tới_sân_thôi | ngập đầu | sốt ruột/sắng/giá/nhẹ | đau đầu/lưng/tay/chân/vai/khớp/bụng/họng/ví | đau tay/lưng/chân quá/lắm/thôi
    cứu trợ/đói/nạn/vãn | khẩn trương | trôi chảy/qua | chìm đắm | gà/vịt/chó/heo/lợn/bò/trâu chết | gà chết đuối | mất/đã/qua lâu/mất/đời | liệt nửa người_đề/không | tai biến cũ/năm | lạc đề/hậu/quan | mất liên lạc zalo | kẹt xe/tiền/việc/lịch/quá/cứng/ca
    nổ máy/tung/não/lực/inbox | inbox mình nổ | bão nổ | lật kèo | lật đật | thở dài/phào | khó thở không | tim/trái tim yêu | nguy hiểm không/hả/lắm/nữa/quá/cấp | có nguy hiểm | hết/đang nguy hiểm | ướt/chết/ngập đồng/ruộng | ngất ngây | tiền sử | nếu có tai | phim hay muốn | điện không_bơm | chết cũng không | muốn xỉu | xỉu up/down | có cháy_hôm/không | khói bếp | cháy da/nắng | say nắng_xíu | hôm trước/qua_có_người | đuối nước_buồn | số/gọi 112/113/114/115 là | 112/113/114/115 là
    đang cấp cứu máy | dị ứng tôm | bị thương binh | thương binh | vết thương tái | té ra | giật mình/cục/gân/giải/lag/màn | gió giật | giật cấp | giật tít | điên cuồng | đứt mạng/cáp/kết | lở mồm
    sắp hết pin/data/mạng | sập web/mạng/app/nguồn/bẫy/sàn | web/app/mạng/trang sập | mưa lũ | lũ lụt nào | nhà dột | nhà/nhỏ dột
    con dâu | rồi khỏi | điền rồi | để vợ/vô/ngoài | đó vô | tư vấn | khăn | đến ngày_nào/ngày_mô | tới ngày | xuống hộ | rồi hồ/sống | đổi rồi/hai/máy | đợi hai | nó lo | hết hỏi | họ trần | trời đất | bị đánh_thức | của cô | tìm lại | trung thực | cà mau | khảo sát | thất lạc | học đó | có chết_cũng | còn kẹt_hàng/kẹt_việc | mất nước_rồi/nước_hai/nước_ba/nước_2/nước_3 | nước lớn_cá | máy bơm_cháy | diễn tập | sơ cứu
    xấu/cười/đẹp/ngon/rẻ/muốn/chút/mắc/dài xỉu | xỉu lên xỉu xuống | xỉu up | tin vỡ đê | lũ ống là
"""
STRONG = """
    nước/nác/lũ lên/dâng/vô/vào/tới/tràn/ngập/bao/vây/cuốn/xiết/dữ/quá | quá đầu người | ngập đầu người | chảy mạnh lắm/quá/không | bơi không/qua_không/hết_nổi | không bơi | không thấy lên | lặn không_lên | chưa được/ai đón | không ai ra được | ra không được | về không được | chờ/đợi cứu | cứu thôn/xóm/làng/bản/tụi/bọn/cả/hai/ba/bà_con | chịu hết nổi | không biết sống | sống chết ra_sao | ngưng/ngừng tim | tim ngưng/ngừng | đau từng_cơn | từng cơn đau | cứa cổ/đứt | xuống suối/mương/vực/hố/sông/giếng/ao/kênh/cống/đèo/taluy/ruộng_lật | tới/đến miệng | đứng trên ghế/bàn/tủ/nóc | ăn mì_sống | hết nước_uống | không trả lời_bộ/bộ_đàm | cắn cháu/con/chân/tay/bà/ông/em/tôi | phủ qua tàu | vào khoang | nước vào_khoang | không thấy đường_ra | mùi khét | tiếng nổ | nổ lớn
    nước mấp/ngang/bắt_đầu_tràn/đầy_nhà | nước chảy ào/vào | suối/sông tràn/dâng | nhà sắp sập | cửa sổ nước | đường ra bị | đường bị_cắt/bị_chia | chưa về lũ | chăn bò chưa_về | lửa gần/tới/bén/lan | khói nhiều | trúng thực | nấm độc | ăn nhầm/phải nấm/thuốc/độc | uống nhầm | uống thuốc rồi | té lầu/giếng/cầu/núi/cây | máy cày/gỗ đè | gỗ đè | đứt ngón/tay/chân/lìa | đẻ khó | sinh non/khó | tai biến | hạ đường_huyết | say nắng_bất/nắng_ngất | say rượu_đánh/rượu_cầm | trộm cầm/vào | bóp cổ | bị dụ_đi/nhốt/rượt/cướp/xâm_hại | trẻ lạc | bị lẫn_đi/lú | vĩnh biệt | sẽ chết | nhảy sông/lầu/cầu | người nổi | đâm nhau | gãy cột_buồm/bánh_lái | hết dầu_trôi | trên cây/nóc/trụ | thang máy kẹt | kẹt thang | sập giàn/hầm/lò | cao thế rơi/rớt/đứt | bồn/bình ga/gas | nổ lò/bồn/bình | cháy lan/xe/bếp/lớn/kho | chest pain | đột quỵ | sốc điện | đò/phao/thúng/mủng trôi/lật/chìm/úp | lật đò/phao/thúng | từ sáng/trưa/tối/qua/chiều/hôm_qua chưa_về/chưa_thấy/không_thấy | chưa về từ | tiếng kêu | kêu dưới/ngoài/bên_suối | mất sóng_liên | vùng lũ_không | mắc ở_chòi/ở_rẫy/lại | my baby | please hurry | help us | need rescue | my wife can/cannot
    cứu với/tôi/em/mình/tui/con/người/mạng/ba/bà/mẹ/má/gấp/lấy/chúng/cháu/nhà/choa/nó/anh/chị/ông/giúp/dùm/giùm/ngay | cứu cứu | kêu cứu | cấp cứu | nguy kịch | nguy cấp | sos | cầu cứu | xin cứu | cần cứu hộ | cứu hộ gấp/ngay/mau | cứu nạn | hô/kêu hoán | save me/us/my | rescue | ambulance | emergency | need help now | help help | dying | i am dying
    gọi 114/115/113/112 | 114/115/113/112 không/bận/ko/k | xe cấp cứu | kêu/gọi/xin/cho xe cấp | tới/đến cứu | công an tới/đến/đâu gấp/ngay/lẹ | công an đâu
    nước lên tới/đến/nhanh/quá/cao/ngực/cổ/bụng/hoài/ào/nóc/mái/giường/gác/mãi/khắp/cuồn | nước tới/đến ngực/cổ/bụng/rốn/nóc/mái/hông/nách/đầu/cằm/lưng/ngang/giường/trần/gối/háng/bậu | nước dâng | nước đang dâng/lên/cao/tràn/vô/vào/chảy | nước tràn | nước ngập | nước vô/vào/dzô/zô nhà/giường/phòng/tới/bếp/hầm/rồi/hết/ngập/trạm | nước xiết | nước chảy xiết/mạnh/nhanh | nước cuốn/kéo/lấy/đẩy | nước bao | nước vây | bị nước | nước không ngừng | nước mỗi lúc | nác vô/vào/lên/ngập/tới | nước vẫn/còn/cứ lên/dâng/tràn | nước cao | nước đen
    ngập nóc/mái/cổ/ngực/nửa/sâu/nặng/tới/hết/tận/lút/trần/giường/lé/nhà | lút nhà/đầu/mái | lũ về/ống/quét/cuốn/lên/dữ/tràn | lũ quét | lũ ống | lũ bất ngờ | vỡ đê/đập | vỡ bờ_ao | đê/đập/hồ vỡ/nứt/tràn | đê bể_rồi/hết | bể đê/đập/hồ | nước tràn đê | flood | water rising | water is
    nóc/mái nhà người | trên nóc/mái | leo lên nóc | leo lên tủ/cây/nóc/mái | nóc tủ | đứng/ngồi trên bàn/tủ/mái/nóc/gác | trên gác xép | bám phao/cây/cột/mạn/mảng/cành/ván | đang bám | ôm phao/cây/cột/nhau | trên cây | ngồi trên mái
    mắc kẹt | bị kẹt trong/ở_trong/trên/dưới/lại_trong/giữa/ngoài/bên/trong_nhà | kẹt trong/lại_trong/trên/bên/dưới/giữa/trển/trỏng/lại/ở_trường/ở_trển/ở_trên/ở_rẫy | còn kẹt | người kẹt | chân kẹt | bị/đang cô lập | cô lập | bao vây | bị vây/nhốt/lấp/vùi/chôn/đè/bắt_cóc | bắt cóc | nhốt trong/em/tôi | không thoát/ra được ra | không ra được | k ra dc | không còn đường | không về được đói/nước/lũ | trapped | đè lên/trúng/nhà/chân/người/vào/bể | cây/tường/tôn/cột/dừa/đá đè | vùi lấp/nhà/mất/người | đất lấp/vùi/đè/chạy | bùn vùi | rút không ra | cửa không mở | mở cửa không/ko/k
    lũ/nước/sóng/dòng cuốn | bị/đang cuốn | cuốn trôi/đi/mất/phăng | trôi mất_rồi/sông/biển/theo/người/tự/nhà_rồi | nhà trôi | người trôi | trôi rồi | bị trôi | người trôi | trôi dưới/ngang/đi | tuột tay | rớt/rơi/té/ngã xuống/sông/biển/giếng/ao/hồ/suối/hố/ruộng/mạn/cầu | rơi khỏi | đuối nước | đuối | chết đuối | chìm tàu/ghe/thuyền/xuồng/rồi/đò | tàu/ghe/thuyền/xuồng/đò/bè chìm/lật/úp/thủng/trôi/mắc/vỡ/hỏng/đứt | đang chìm | chìm | lật tàu/ghe/thuyền/xe/xuồng | ghe/tàu/xe/xuồng/thuyền/đò/khách lật | úp rồi/ghe/tàu | phá nước | thủng nước | đứt neo | đứt bánh | mắc cạn | trôi tự | trôi dạt | sóng đánh | drown | drowning | sinking | mất hút
    sạt lở | sạt rồi/đường/xuống | đường sạt/đứt/mất/lở | lở đất/núi | núi lở/đổ/nứt/sập/nó | đất đá/chạy/trượt/nứt/sạt/lở/đổ | đá lăn/lở/đè | bị đá | nứt đất/núi/nhà/tường | bị sập | đè/đổ trúng nhà | mất hai/ba/2/3/4/bốn người | sập nhà/tường/rồi/mái/cầu/hết/xuống/hầm | nhà sập/đổ/nghiêng/trôi/cháy/bay/tốc | nhà bị sập/cô_lập/lũ/nước/cháy/đè/ngập/vùi/cuốn/trôi | tường sập/đổ/nứt | cầu sập/trôi | đổ sập | nghiêng muốn | tốc mái | mái bay | bay nóc/mái | nóc bay | cây đổ/ngã/đè trúng/nhà/đè/người/lên | tôn/tấm bay trúng | lốc | sụp hố/nhà/xuống | rắc rắc | kêu răng | núi sập
    mất tích | mất liên lạc | không liên lạc được_với | chưa tìm thấy | không thấy người/thằng/ảnh | chưa thấy ra/về/xác/người | bị lạc | đi lạc | lạc mẹ/rừng/đường/mất/trong/ở | chưa về gọi/suối/từ | bỏ đi mấy/rồi/từ | missing | is lost | lạc ở
    ngất_xỉu | ngất rồi/đi/lịm/tại/ngoài/gọi/xuống | bị_ngất | ngất | xỉu | bất tỉnh | hôn mê | mê man | lịm | lịm dần/đi | không tỉnh | gọi không/ko/hông dậy/thưa/tỉnh/nghe/biết/trả | kêu không/hông/ko dậy/thưa/biết/nghe | không dậy được/nổi/nữa | dậy không được/nổi | nằm im/bất/thin/gục/lăn | bất động | nhúc nhích | gục xuống/ngã/rồi | lăn ra/đùng | bị/lên đột_quỵ | đột tử | méo miệng | lăn lộn | không thưa/thở/nói_nữa/khóc_nữa | không còn mạch/thở | hết thở | ngã quỵ | unconscious | collapsed | fainted | not breathing | can t breathe | cannot breathe | heart attack | having a | cant breathe | cứng người/đờ | lạnh ngắt | mềm nhũn | lả đi | mệt lả | kiệt sức | yếu lắm rồi | sắp đi rồi | không qua nổi | qua nổi đêm
    khó thở | thở không/hông/ko/k/hổn/rít/dốc/yếu | không thở | ngạt | nghẹt thở | nghẹn cổ/thở | ngộp | ngừng thở/tim | hết oxy | tím tái/ngắt/môi/lại/mặt/người/rồi | môi tím/thâm/sưng | hen lên/suyễn | lên cơn/con | cơn hen/đau/co | tức/đau ngực/tim/thắt | ngực tức/đau | nhồi máu | đau tim | tim đập/loạn | sắp ngất | chest pain | choáng rồi/té | tụt huyết | huyết áp tụt/220/cao_quá | huyết tụt
    co giật | giật tay/đùng/dat/giật/cứng/mắt/mép | đang giật | động kinh | sùi bọt | trợn mắt/lên/ngược | mắt trợn/đứng | mê sảng | phản vệ | sốc phản/thuốc/nhiệt | sốt cao/co/mê/li/40/41/bốn/39/cao_không | 40/41 độ/do | bốn mươi độ | liệt hết/rồi | liệt nửa người_rồi | té xỉu/xíu | bị/bác ngã | ngã từ/nằm/trong/cầu | nằm dưới nền | nghe hong_nghe | sắp không xong | không mở cửa | mấy ngày không | ba ngày không_thấy | nhà văn hóa thôn_7 | lấy nhà | tê liệt | sưng cổ/lưỡi | mặt/mắt sưng/phù | phù mặt | nổi mẩn/ban/mề_đay khắp/toàn/đỏ/đầy | nổi mề đay | khắp người ngứa/nổi | hóc xương/dị/đồ/hạt | nuốt phải/pin/nhầm | sặc | dị vật | lạnh run tím | run tím | không nói được/nữa | rối loạn nhịp | loạn nhịp | nôn ra máu | đau dữ/quặn/đớn/quá_không | đau đầu nôn | đau bụng quặn/dữ/lăn/lắm/đẻ/ra | đau quặn | dữ dội
    chảy máu | ra máu | mất máu | nhiều máu | máu nhiều/chảy/me/ra/không/cam | băng huyết | ra huyết | ộc máu | bị thương | thương nặng | gãy chân/tay/cổ/xương/sườn/lưng | chân/tay gãy | đứt tay/chân/lìa | vỡ ối | ra nước ối | nước ối | đau đẻ | đẻ rớt/rơi/rồi/ngoài | sắp sinh/đẻ | đang đẻ | chuyển dạ | sinh con rớt | bleeding | injured | đập đầu | bể đầu | trúng đầu | nhiễm trùng sốt | bỏng nước/nặng/cả | nguy hiểm tính
    chết người/mất/đến/ngất/sắp/thật/thảm/trôi | người chết/chêt | có chết | sắp chết | đang chết | hấp hối | tử vong | dọa giết | giết | thi thể | xác người/chết | treo cổ | hết hơi | nguy hiểm rồi/lắm | không ổn rồi/tôi/ba
    tự tử/sát/vẫn | muốn chết | không muốn sống | không thiết sống | chán sống | chết cho xong | uống thuốc sâu/cỏ/trừ/diệt/chuột/ngủ_nhiều/độc | uống nhầm thuốc/hóa/xăng | cắt tay | cắt cổ | nhảy lầu/cầu/sông/lâu | đòi chết/nhảy/tự | vĩnh biệt | quá liều | lớn liều | để lại thư | kill myself | suicide
    cháy nhà/lớn/rừng/chợ/rồi/sạp/to/kho/bếp/xe | nhà/đang/bị/bên/rừng/rông/chợ/sạp cháy | có cháy | chập điện | nổ ga/gas/bình/bếp/lớn | ga/gas/bình nổ/xì/rò/nồng | mùi/khí ga/gas/khí | ga/gas xì/xi | chóng mặt cả | cả nhà chóng | xì ga/gas | bốc khói/cháy | khói đen/mù/nhiều | hỏa hoạn | lửa cháy/lan/to | on fire | fire in
    điện giật | rò điện | bị giật | điện rơi/rớt/xuống | dây điện đứt/rơi/xuống/rớt | trụ/cột điện ngã/đổ | tia lửa | sét đánh | sét trúng | rắn cắn | bị rắn | chó cắn/dại | bị chó | ong đốt | ngộ độc | trúng độc | sốc thuốc | trâu/bò húc
    cướp | bị đánh/đâm/chém/bắt/giết/hiếp/dọa/tống/bắn/trói | đánh tôi/em/mẹ/vợ/đập/chảy/con/ngất/gần/dã/người | đánh đập | bạo hành | đâm chém/bị/rồi | hung khí | cầm dao/rựa | dao rượt/chém/đâm | đột nhập | hãm hiếp | xâm hại | lừa sang | sang campuchia | bạo lực | cứu tui | rượt
    tai nạn | tông xe/em/bé/chết/gãy/trúng/nhau | xe tông/đâm/cán/lật/đụng/trôi/tải_lật | bị tông/đụng/xe | bị xe | lật dưới | xe lao | accident | hit by
    hết gạo hết/nước/ăn/rồi_đói | không còn gì ăn | đói ba/hai/mấy/hai_ngày | đói rồi/lả/và/khát | ngày chưa/không ăn | đói lắm | trẻ con khóc_đói | hết sữa nước/ngập | chạy thận | hết thuốc mà | không có thuốc
    xuồng tới/ngay/cứu/đến/đâu/giùm | cho/xin/kêu/cần xuồng/cano/ca_nô | kêu/cho ghe_giùm | kêu ghe | xuồng lật | ca nô | cano | phao cứu | trực thăng | áo phao tới/gấp | hải lý | tọa độ | ngoài khơi chết/hỏng/trôi | chết máy giữa/ngoài/trôi/đang | hỏng máy trôi/giữa | máy chết đang | giữa biển
    gấp gấp | gấp lắm | khẩn | khẩn cấp | mau lên | nhanh lên | lẹ lên | tới/đến/xuống lẹ/mau/ngay | hãy đến | đến ngay | tới gấp | please help my
    nhảy từ tầng/lầu | chui lên nóc/mái | gỡ ngói | boat capsized/sinking | capsized | on the/our roof | in the water | chest pain | cannot/can't breathe | phá cửa | đạp cửa | nhà tôi_mù | nuốt pin/cục_pin/đồng_xu/nam_châm/đinh
    không liên lạc được nó/với/ai | người vào_nhà_tôi | có người vào_nhà | mất lái giữa/rồi | trôi về phía | mún sống | k/ko/hong/hổng/hông muốn_sống | gọi không mở_mắt | không mở mắt | trapped | drowning | bleeding
    spo2 | không có_oxy | đang vỡ | cháy phòng/trọ/kho/xưởng/căn/phân | kho/căn/trọ/xưởng cháy | muốn sanh/đẻ rồi | đau muốn_sanh/muốn_đẻ | đổ trúng/đè người/quán/xe/bà/ông/bé/con/chân | thấy cựa | không_thấy về | cuốn tay/chân/tóc | bị bỏng/phỏng
    bỏng/phỏng nặng/hết/nước_sôi/toàn | lá ngón | tạt sơn | đến/tới tức_khắc | breaking my/into/in | send police/help/ambulance/boat | call police/ambulance | uống hết_lọ/hết_vỉ/hết_chai | lỗ rò | liệt nửa/tay/chân | nói ngọng | lờ đờ
    khò khè | trói mẹ/vợ/con/tôi/em/bà/tay | treo trên | gọi công_an_giúp/công_an_gấp/công_an_ngay | rắn hổ/lục/độc | hổ cắn | trèo lên cây/nóc/mái | người dưới_nước | nhỏ kẹt | điện hở | đâm thủng
    nước ngang/tới/đến vai/ngực/nách/háng | liếm tới/vô/vào | bốn bề/phía_nước/phía_toàn | trên ngọn | bám vào_trụ/vô_trụ/vào_cây | ôm gốc/cây/cột | trôi ra/giữa/tự_do | dạt ra/vào_đá/về_bãi | đây ra giữa_sông | lăn xuống trường/nhà/đường/người | núp gầm/dưới/trong_xí | chui gầm | không ra khỏi/khỏi_cửa/khỏi_nhà | khỏi cửa không/cũng_không | đường đứt/bị_đứt/xuống_hết | đứt đường | hai đầu sạt/đường | chia cắt | hết lương_thực/gạo_ba/gạo_hai | không còn_gạo/còn_lương_thực | không ai vô/vào/tới_cứu/ra_được | chưa ai vô/vào/tới | cho người vào_ngay/tới_ngay/lên_ngay
    keu/gọi/kêu không_trả/không_trả_lời | trắng bệch/nhách | không ra_hơi | lưỡi cứng | li bì | vã mồ_hôi | mồ hôi_lạnh | lạnh toát/ngắt/tanh | tay chân_lạnh/chân_lạnh_ngắt | không muốn_tồn_tại | tồn tại_nữa | bỏ bú | mềm như_bún | ói/nôn ra_máu/máu/hàng_loạt | nôn liên_tục/hết | máu không_cầm/phun | máu phun | không qua_khỏi/qua_được | tiểu ra/máu | co quắp/cứng | khóc thét_rồi | chân sưng/đen | mặt xanh_lè/trắng_bệch | sắp xỉu/ngất | xây xẩm/tối_sầm | lên cơn_động | đi ngoài_ra_máu
    người/chú/ông/kẻ lạ_rủ/lạ_bắt/lạ_dụ/lạ_phá | phá cửa_nhà | tự thiêu | tưới/đổ xăng_đòi/xăng_đốt | nhốt mình | chưa thấy_về/thấy_đâu | tìm không_thấy cả/đâu/khắp | thiếu một_đứa/mất_một_đứa | rớt/rơi/té/ngã giàn/dàn_giáo | máy phồng | điện phóng | bị phóng_điện | lửa táp/tạp/văng/cháy_lan | khói vô/vào/dày | không thấy đường_xuống | ngộp/ngạt khí | xuống giếng/hầm_ngộp | suối/nước/lũ lấy/nó_lấy
    không muốn_thức/muốn_tỉnh | kết thúc_cuộc_đời/cuộc_sống/đời_mình | giải thoát | dây sẵn/thòng_lọng | thòng lọng | điều dại | muốn lao_xuống/gieo_mình | hẹn kiếp_sau | lao xuống_sông/xuống_vực/xuống_cầu | bám/leo/trèo/ngoài lan_can | to live_anymore | want to_die
    nhốt/giam em/tôi/con/mẹ/bà/lão/trong/dưới | bị giam/ép | bị giữ_tại/giữ_trong | khóa trái/xích | cửa khóa_ngoài | không cho_về/cho_ra | đưa lên_ô_tô/lên_xe | lôi/kéo/bắt lên_xe | bắt con/thằng_nhỏ/cháu_tôi/em_tôi | tẩm xăng | bật quẹt | cắt gân | chích điện | trói anh/chị/bố/ba/cháu | đập/cạy cửa | bẻ/cắt khóa | following me | open my_door
    trở dạ | tuột/mất/đứt phanh/thắng | la liệt | xụi lơ | nằm ngay_đơ/sấp/bất_động | ú ớ | nói đớt | mềm/tay oặt | mềm nhũn | tê dại | thở máy | có/thấy khói | hóc miếng/kẹo | mồm/miệng méo/xệ | kẹt tay/chân | vịn cây | ruồi bâu | gì vào_bụng/vô_bụng/bỏ_bụng | smoke in | blood on | not moving/waking | fall down | crash in
    not responding | swept away | swept | can t_find | can't find | send a_boat | is cracking | seizure | unresponsive | can not_breathe | very sick | water is_rising | on fire | bring a_boat
"""
WEAK = {
    "water": "nước | nác | lũ | lụt | ngập | triều | suối | sông | biển | bè | water | mưa to",
    "rise": "dâng | tràn | xiết | ào ào | lênh láng | lên nhanh | bưng | bủa | quanh | tứ phía | vây",
    "body": "cổ | ngực | bụng | nóc | mái | gác | giường | trần | tủ | rốn",
    "harm": "kẹt | cuốn | trôi | chìm | lật | đè | vùi | sụp | nứt | nghiêng | đổ | thủng | mắc cạn | lạc | mất | hỏng máy | đứt | té | ngã | trượt | tông | đâm | cháy | nổ | giật | cắn | đánh | thương | gãy | rách | sưng | nóng quá | nghẹn",
    "life": "thở | máu | tim | sốt | đẻ | ốm nặng | yếu | lả | mệt quá | tái | lạnh | run | đói | khát | xỉu | mạch | đau quá | đau | không chịu nổi | chịu không nổi | mê",
    "house": "vách | nền | nền nhà | sân | tường | mái | mái nhà | cột | cột điện | cầu | núi | đồi | đất | bờ sông | taluy | trụ | trần nhà | móng | kè | cống",
    "break": "nứt | nứt toác | sụt | bung | trượt | sập | lở | vỡ | đổ | nghiêng | gãy | tốc | rạn | đè | xé | lún",
    "boat": "tàu | thuyền | ghe | xuồng | thúng | bè | đò | phà | cano",
    "sinks": "nghiêng | lật | chìm | úp | thủng | trôi | vỡ | gãy | dạt | mắc cạn | ngập nước | hỏng máy | chết máy | tan | đứt",
    "who": "trẻ em | em bé | con nhỏ | đứa nhỏ | cháu bé | bé | cụ già | ông bà già | bà bầu | mang thai | mẹ già | người già | bệnh nhân | hai mẹ con | mẹ con | ba mẹ con | con nít | người ở trong | người bên trong | sơ sinh | sản phụ | 2/3/4/5/6/7/8/10/20/hai/ba/bốn/năm/sáu/bảy/mấy người",
    "now": "tới ngay | xuống ngay | lẹ | mau | gấp | nhanh | sợ quá | sợ lắm | run quá | hoảng loạn | trời ơi | lo quá | ai giúp | có ai không | có ai | làm ơn | không được nữa | không nghe máy | gọi không được",
    "alone": "một mình | ở nhà một mình | hết pin | phần trăm | tối thui | trong đêm | không ai ở nhà | mất điện | cửa kẹt",
}
_PAIRS = (
    {"house", "break"}, {"boat", "sinks"}, {"water", "body"}, {"water", "harm"}, {"water", "rise"}, {"water", "who"}, {"water", "now"}, {"water", "life"}, {"harm", "who"}, {"harm", "life"}, {"harm", "now"},
    {"life", "now"}, {"life", "who"}, {"life", "alone"}, {"who", "now"},
)  # fmt: skip
# Without their accents these words of `WEAK` are other words far more often ("de": để, đẻ, đè).
_NEED_ACCENTS = frozenset(
    [
        "bung",
        "be",
        "bien",
        "bo",
        "cam",
        "can",
        "cap",
        "co",
        "con",
        "chim",
        "danh",
        "dau",
        "day",
        "de",
        "do",
        "doi",
        "dut",
        "giat",
        "gay",
        "gac",
        "ho",
        "lac",
        "lanh",
        "lat",
        "lu",
        "mach",
        "mai",
        "mat",
        "mau",
        "me",
        "no",
        "nac",
        "rach",
        "run",
        "sap",
        "song",
        "suoi",
        "hoc",
        "xiu",
        "loc",
        "duoi",
        "sot",
        "sung",
        "te",
        "than",
        "tim",
        "tu",
        "tran",
        "trien",
        "trieu",
        "troi",
        "vay",
        "vo",
        "yeu",
        "ai_giup",
        "tai",
        "lam_on",
        "rung",
        "sang",
        "ban",
        "lon",
    ]
)
_SHORT = {
    "k": "không", "ko": "không", "hk": "không", "hok": "không", "hong": "không", "hông": "không", "kh": "không", "hổng": "không", "hem": "không", "nỏ": "không", "chẳng": "không",
    "dc": "được", "đc": "được", "dk": "được", "r": "rồi", "rùi": "rồi", "gồi": "rồi", "rui": "rồi", "roi": "roi", "vs": "với", "sos": "sos", "zới": "với", "jup": "giúp", "zô": "vô", "zo": "vo", "dzô": "vô", "ng": "người", "e": "em", "m": "mình",
}  # fmt: skip
_words = re.compile(r"[^\W_]+").findall


@cache
def _index() -> Phrases[frozenset[str]]:
    """Return the phrases, and what each is."""
    found: dict[tuple[str, ...], set[str]] = {}
    for name, table in {"harmless": HARMLESS, "strong": STRONG, **WEAK}.items():
        for phrase in re.split(r"[|\n]", table):
            for choice in product(*(word.split("/") for word in phrase.split())):
                words = [part for word in choice for part in word.split("_")]
                spellings = [{word, unaccent_word(word)} for word in words]
                if len(words) == 1 and name != "harmless":
                    spellings = [
                        {each for each in spellings[0] if each == words[0] or each not in _NEED_ACCENTS}
                    ]
                for spelled in product(*spellings) if words else ():
                    found.setdefault(spelled, set()).add(name)
    return Phrases.of({spelled: frozenset(names) for spelled, names in found.items()})


@lru_cache(maxsize=20_000)
def _spell(word: str) -> str:
    return _SHORT.get(word) or read_keystrokes(word) or word


def find_danger(text: str) -> frozenset[str]:
    """Return the names of what was found in a reply: "strong", and groups of `WEAK`."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    words = [*map(_spell, _words(text.lower())), ""]
    phrases = _index()
    found: frozenset[str] = frozenset()
    position = 0
    while words[position]:
        end = position = position + 1
        place = phrases.get(words[end - 1])
        here: list[frozenset[str]] = []
        while place is not None:
            if place.means:
                here.append(place.means)
                if "harmless" in place.means:
                    # Nothing that is shorter counts, and what follows begins after it.
                    here.clear()
                    position = end
            place = place.get(words[end])
            end += 1
        if here:
            found = found.union(*here)
    return found


@lru_cache(maxsize=20_000)
def is_cry(found: frozenset[str]) -> bool:
    """Return whether what was found in a reply makes it a cry for help, unless the learned model is sure that it is none."""
    return "strong" in found or any(pair <= found for pair in _PAIRS)


def features_of_danger(found: frozenset[str]) -> Iterator[str]:
    """Yield what the learned model reads of it."""
    for name in found:
        yield "d" + name
    if is_cry(found):
        yield "dcry"
