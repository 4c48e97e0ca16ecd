import java.util.List;
import java.util.Map;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.transport.Netty4Plugin;

/** Starts one Elasticsearch node on loopback: EsNode HOME HTTP_PORT TRANSPORT_PORT. HOME needs an empty folder named config. */
public class EsNode extends Node {
  EsNode(Settings settings) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "elastic"), List.of(Netty4Plugin.class), true);
  }

  public static void main(String[] args) throws Exception {
    var node = new EsNode(Settings.builder()
        .put("path.home", args[0]).put("http.port", args[1]).put("transport.port", args[2])
        .put("network.host", "127.0.0.1").put("discovery.type", "single-node")
        .put("node.name", "elastic").put("cluster.name", "roost-local")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .put("transport.type", "netty4").put("http.type", "netty4").build());
    node.start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> { try { node.close(); } catch (Exception ignored) { } }));
    Thread.currentThread().join();
  }
}
